package tokenserver_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/tokenserver"
)

func TestAnswerOfVersion2019(t *testing.T) {
	cred := &source{}
	handler, env := newHandler(t, cred)

	a := serve(t, handler, newRequest(env, vault))

	require.Equal(t, http.StatusOK, a.status)
	expiresIn := a.body["expires_in"]
	require.InDelta(t, tokensLife.Seconds(), expiresIn, 10)
	require.Equal(t, map[string]any{
		"access_token": theToken,
		"expires_on":   strconv.FormatInt(cred.expiry.Unix(), 10), // a string
		"expires_in":   expiresIn,                                 // a number
		"resource":     vault,
		"token_type":   "Bearer",
		"client_id":    clientID,
	}, a.body)
}

// Azure CLI appends "/?resource=…" without escaping, see msrestazure's get_msi_token_webapp.
func TestAnswerOfVersion2017(t *testing.T) {
	cred := &source{}
	handler, env := newHandler(t, cred)
	r := newRequest(env, "")
	r.URL.Path += "/"
	r.URL.RawQuery = "resource=https://management.core.windows.net/&api-version=2017-09-01"
	r.Header = http.Header{"Secret": {env["MSI_SECRET"]}}

	a := serve(t, handler, r)

	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, theToken, a.body["access_token"])
	require.Equal(t, "https://management.core.windows.net/", a.body["resource"])
	require.Equal(t, []string{"https://management.core.windows.net//.default"}, cred.scopes())
}

// A resource is whatever a URI can be.
func TestAnswerForAnyURI(t *testing.T) {
	const uri = "api://an.example/!~somebody"
	cred := &source{}
	handler, env := newHandler(t, cred)

	a := serve(t, handler, newRequest(env, uri))

	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, uri, a.body["resource"])
	require.Equal(t, []string{uri + "/.default"}, cred.scopes())
}

// Terraform's azurerm backend and azuread ask for IMDS' version, whatever the address is.
func TestAnswerOfVersion2018(t *testing.T) {
	cred := &source{}
	handler, env := newHandler(t, cred)
	before := time.Now().Unix()

	a := serve(t, handler, newTerraformRequest(with(env, "ARM_MSI_API_VERSION", "2018-02-01")))

	require.Equal(t, http.StatusOK, a.status)
	expiresIn, err := strconv.Atoi(a.body["expires_in"].(string))
	require.NoError(t, err)
	require.InDelta(t, tokensLife.Seconds(), expiresIn, 10)
	notBefore, err := strconv.ParseInt(a.body["not_before"].(string), 10, 64)
	require.NoError(t, err)
	require.GreaterOrEqual(t, notBefore, before)
	require.LessOrEqual(t, notBefore, time.Now().Unix())
	require.Equal(t, map[string]any{
		"access_token":  theToken,
		"client_id":     clientID,
		"expires_in":    a.body["expires_in"],
		"expires_on":    strconv.FormatInt(cred.expiry.Unix(), 10),
		"not_before":    a.body["not_before"],
		"refresh_token": "",
		"resource":      vault,
		"token_type":    "Bearer",
	}, a.body)
}

func TestRefusalOfVersion2018(t *testing.T) {
	handler, env := newHandler(t, &source{get: func(context.Context) (azcore.AccessToken, error) {
		return azcore.AccessToken{}, errors.New("no luck")
	}})
	r := newTerraformRequest(with(env, "ARM_MSI_API_VERSION", "2018-02-01"))
	a := serve(t, handler, r)
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.Equal(t, map[string]any{"error": "unknown_error", "error_description": "no luck"}, a.body)

	r.URL.RawQuery += "&client_id=another"
	a = serve(t, handler, r)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Equal(t, "invalid_request", a.body["error"])
	require.Contains(t, a.body["error_description"], `client_id "another" isn't served here`)
}

func TestEnv(t *testing.T) {
	_, env := newHandler(t, &source{})
	require.Equal(t, map[string]string{
		"IDENTITY_ENDPOINT":            endpoint + tokenserver.Path,
		"IDENTITY_HEADER":              env["MSI_SECRET"],
		"AZCOPY_AUTO_LOGIN_TYPE":       "MSI",
		"MSI_ENDPOINT":                 endpoint + tokenserver.Path,
		"MSI_SECRET":                   env["IDENTITY_HEADER"],
		"APPSETTING_WEBSITE_SITE_NAME": "azoidc",
		"ARM_USE_MSI":                  "true",
		"ARM_MSI_ENDPOINT":             env["ARM_MSI_ENDPOINT"],
		"ARM_MSI_API_VERSION":          "2019-08-01",
		"AZD_AUTH_ENDPOINT":            endpoint + "/azd",
		"AZD_AUTH_KEY":                 env["AZD_AUTH_KEY"],
	}, env)
	require.Regexp(t, "^[0-9a-f]{64}$", env["IDENTITY_HEADER"], "256 bits")
	require.Regexp(t, "^"+endpoint+tokenserver.Path+"/[0-9a-f]{64}$", env["ARM_MSI_ENDPOINT"], "256 bits")
	require.NotContains(t, env["ARM_MSI_ENDPOINT"], env["IDENTITY_HEADER"])
}

func TestResourceToScope(t *testing.T) {
	for resource, scope := range map[string]string{
		"https://vault.azure.net":              "https://vault.azure.net/.default",
		"https://vault.azure.net/":             "https://vault.azure.net//.default",
		"https://vault.azure.net/.default":     "https://vault.azure.net/.default",
		"api://app/sub":                        "api://app/sub/.default",
		"00000003-0000-0000-c000-000000000000": "00000003-0000-0000-c000-000000000000/.default",
	} {
		cred := &source{}
		handler, env := newHandler(t, cred)
		require.Equal(t, http.StatusOK, serve(t, handler, newRequest(env, resource)).status)
		require.Equal(t, []string{scope}, cred.scopes())
		require.False(t, cred.asked[0].EnableCAE, "no client of this protocol can answer a claims challenge")
	}
}

func TestIdentity(t *testing.T) {
	const another = "99999999-2222-3333-4444-555555555555"
	for name, test := range map[string]struct {
		query   string
		refused string // "": it's served
	}{
		"none":                 {"", ""},
		"empty":                {"&client_id=&clientid=&object_id=&mi_res_id=", ""},
		"own":                  {"&client_id=" + clientID, ""},
		"own of 2017":          {"&clientid=" + clientID, ""},
		"own in upper case":    {"&client_id=" + strings.ToUpper(clientID), ""},
		"another":              {"&client_id=" + another, "ask for client_id " + clientID},
		"another of 2017":      {"&clientid=" + another, another},
		"own and another":      {"&client_id=" + clientID + "&client_id=" + another, another},
		"object ID":            {"&object_id=" + clientID, "the identity with object_id"},
		"principal ID":         {"&principal_id=x", "the identity with principal_id"},
		"resource ID":          {"&mi_res_id=/subscriptions/x", "the identity with mi_res_id"},
		"resource ID of IMDS":  {"&msi_res_id=/subscriptions/x", "the identity with msi_res_id"},
		"another, own as well": {"&clientid=" + another + "&client_id=" + clientID, another},
	} {
		t.Run(name, func(t *testing.T) {
			cred := &source{}
			handler, env := newHandler(t, cred)
			r := newRequest(env, vault)
			r.URL.RawQuery += test.query
			a := serve(t, handler, r)
			if test.refused == "" {
				require.Equal(t, http.StatusOK, a.status, a.text)
				return
			}
			requireRefused(t, a, http.StatusBadRequest, test.refused)
			require.Empty(t, cred.scopes())
		})
	}
}

func TestIdentityUnknown(t *testing.T) {
	handler, err := tokenserver.New(&source{}, nil)
	require.NoError(t, err)
	r := newRequest(handler.Env(endpoint), vault)
	require.NotContains(t, serve(t, handler, r).body, "client_id")
	r.URL.RawQuery += "&client_id=" + clientID
	requireRefused(t, serve(t, handler, r), http.StatusBadRequest, "leave client_id out")
}

func FuzzQuery(f *testing.F) {
	f.Add("api-version=2019-08-01&resource=https://vault.azure.net")
	f.Add("api-version=2017-09-01&resource=https%3A%2F%2Fvault.azure.net%2F&clientid=")
	f.Add("resource=%zz;&&=&api-version")
	f.Fuzz(func(t *testing.T, query string) {
		cred := &source{}
		handler, env := newHandler(t, cred)
		r := newRequest(env, vault)
		r.URL.RawQuery = query
		a := serve(t, handler, r)
		if a.status != http.StatusOK {
			requireRefused(t, a, a.status, "")
			require.Empty(t, cred.scopes())
			return
		}
		require.Len(t, cred.scopes(), 1)
		require.True(t, strings.HasSuffix(cred.scopes()[0], "/.default"))
	})
}

func with(env map[string]string, name, value string) map[string]string {
	changed := maps.Clone(env)
	changed[name] = value
	return changed
}

// azidentity's own client, with each environment it knows. Its cache is global: every test has resources of its own.
func TestManagedIdentityCredential(t *testing.T) {
	for name, test := range map[string]struct {
		variables []string
		id        azidentity.ManagedIDKind
	}{
		"2019-08-01":                {[]string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER"}, nil},
		"2019-08-01 with client ID": {[]string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER"}, azidentity.ClientID(clientID)},
		"2017-09-01":                {[]string{"MSI_ENDPOINT", "MSI_SECRET"}, nil},
		"2017-09-01 with client ID": {[]string{"MSI_ENDPOINT", "MSI_SECRET"}, azidentity.ClientID(clientID)},
	} {
		t.Run(name, func(t *testing.T) {
			cred := &source{}
			server := start(t, cred)
			for _, variable := range test.variables {
				t.Setenv(variable, server.Env()[variable])
			}
			client, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: test.id})
			require.NoError(t, err)
			resource := rand.Text()
			for _, scope := range []string{
				"https://" + resource + ".example/.default",
				"https://" + resource + ".example//.default",
				"api://" + resource + "/.default",
			} {
				token, err := client.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
				require.NoError(t, err)
				require.Equal(t, theToken, token.Token)
				require.WithinDuration(t, cred.expiry, token.ExpiresOn, time.Second)
				require.Equal(t, scope, cred.scopes()[len(cred.scopes())-1], "the scope survives the way through the resource")
			}
		})
	}
}

func TestManagedIdentityCredentialShowsTheExplanation(t *testing.T) {
	cloud := azoidctest.NewServer(&azoidctest.Options{KeyBits: 1024})
	defer cloud.Close()
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true})
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{
			ClientOptions: cloud.ClientOptions(), DisableInstanceDiscovery: true, ReplicationTimeout: -1,
		},
		RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
	require.NoError(t, err)
	server := start(t, cred)
	t.Setenv("IDENTITY_ENDPOINT", server.Env()["IDENTITY_ENDPOINT"])
	t.Setenv("IDENTITY_HEADER", server.Env()["IDENTITY_HEADER"])
	client, err := azidentity.NewManagedIdentityCredential(nil)
	require.NoError(t, err)

	_, err = client.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://" + rand.Text() + ".example/.default"}})

	require.ErrorContains(t, err, "az ad app federated-credential create")
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken), "the client doesn't ask again")
}

// numbered issues token-1, token-2, …, and remembers the mode that was asked for.
type numbered struct {
	issued atomic.Int32
	cae    atomic.Bool
}

func (n *numbered) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	n.cae.Store(o.EnableCAE)
	return azcore.AccessToken{Token: fmt.Sprint("token-", n.issued.Add(1)), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// newRevokingRequest is what MSAL sends in the requests of its pull requests: js 7772, dotnet 5139.
func newRevokingRequest(env map[string]string, version, capabilities, revoked string) *http.Request {
	r := newRequest(env, vault)
	query := r.URL.Query()
	query.Set("api-version", version)
	query.Set("xms_cc", capabilities)
	if revoked != "" {
		query.Set("token_sha256_to_refresh", revoked)
	}
	r.URL.RawQuery = query.Encode()
	return r
}

func TestRevokedTokenIsReplaced(t *testing.T) {
	for name, test := range map[string]struct{ version, capabilities, revoked, want string }{
		"nothing revoked":          {"2025-03-30", "cp1", "", "token-1"},
		"the held one":             {"2025-03-30", "cp1", hashed("token-1"), "token-2"},
		"the held one, upper case": {"2025-03-30", "cp1,cp2", strings.ToUpper(hashed("token-1")), "token-2"},
		"without capability":       {"2025-03-30", "", hashed("token-1"), "token-2"},
		"another one":              {"2025-03-30", "cp1", hashed("token-0"), "token-1"},
		"not in hexadecimal":       {"2025-03-30", "cp1", "token-1", "token-1"},
		"a version that can't":     {"2019-08-01", "cp1", hashed("token-1"), "token-1"},
	} {
		t.Run(name, func(t *testing.T) {
			handler, env := newHandler(t, azoidc.NewTokenCache(&numbered{}, nil))
			require.Equal(t, "token-1", serve(t, handler, newRevokingRequest(env, test.version, test.capabilities, "")).body["access_token"])
			a := serve(t, handler, newRevokingRequest(env, test.version, test.capabilities, test.revoked))
			require.Equal(t, test.want, a.body["access_token"], a.text)
			again := serve(t, handler, newRevokingRequest(env, test.version, test.capabilities, test.revoked))
			require.Equal(t, test.want, again.body["access_token"], "a report that comes again is about the past")
		})
	}
}

// Many clients hold the same token, and all are told that it's revoked.
func TestRevokedTokenIsReplacedOnce(t *testing.T) {
	cred := &numbered{}
	handler, env := newHandler(t, azoidc.NewTokenCache(cred, nil))
	serve(t, handler, newRevokingRequest(env, "2025-03-30", "cp1", ""))
	answers := make([]*httptest.ResponseRecorder, 50)
	var clients sync.WaitGroup
	for i := range answers {
		answers[i] = httptest.NewRecorder()
		clients.Go(func() { handler.ServeHTTP(answers[i], newRevokingRequest(env, "2025-03-30", "cp1", hashed("token-1"))) })
	}
	clients.Wait()
	for _, a := range answers {
		require.Contains(t, a.Body.String(), `"access_token":"token-2"`)
	}
	require.EqualValues(t, 2, cred.issued.Load())
}

// obstinate is a credential that has the same token again, whatever it is told to forget.
type obstinate struct {
	source
	told int
}

func (o *obstinate) Invalidate(...string) { o.told++ }

// A report that comes again costs no further exchange, whatever else was reported meanwhile.
func TestARevocationIsPassedOnOnce(t *testing.T) {
	cred := &obstinate{}
	handler, env := newHandler(t, cred)
	for range 3 {
		serve(t, handler, newRevokingRequest(env, "2025-03-30", "cp1", hashed(theToken)))
		r := newRevokingRequest(env, "2025-03-30", "cp1", hashed(theToken))
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, url.QueryEscape(vault), "https://other.example", 1)
		serve(t, handler, r)
	}
	require.Equal(t, 2, cred.told)
}

func TestRevocationIsForOneIdentity(t *testing.T) {
	first, hub := azoidc.NewTokenCache(&numbered{}, nil), azoidc.NewTokenCache(&numbered{}, nil)
	handler, err := tokenserver.New(first, &tokenserver.Options{Identities: []tokenserver.Identity{{Name: "hub", Credential: hub, ClientID: "hub"}}})
	require.NoError(t, err)
	env := handler.Env(endpoint)
	serve(t, handler, newRevokingRequest(env, "2025-03-30", "cp1", ""))
	revoked := newRevokingRequest(env, "2025-03-30", "cp1", hashed("token-1"))
	revoked.URL.RawQuery += "&client_id=hub"
	require.Equal(t, "token-2", serve(t, handler, revoked).body["access_token"], "the hub's token-1 is gone")
	require.Equal(t, "token-1", serve(t, handler, newRequest(env, vault)).body["access_token"])
}

// Only who can answer a claims challenge gets a token that one revokes.
func TestCAEForWhoAnswersChallenges(t *testing.T) {
	for name, test := range map[string]struct {
		version, capabilities string
		want                  bool
	}{
		"able":                 {"2025-03-30", "cp1", true},
		"able in capitals":     {"2025-03-30", "CP1", true},
		"able among others":    {"2025-03-30", "cp2, cp1", true},
		"unable":               {"2025-03-30", "", false},
		"able to do otherwise": {"2025-03-30", "cp10", false},
		"unable in 2019":       {"2019-08-01", "cp1", false}, // msal-node sends it, but can't tell which token was revoked
	} {
		t.Run(name, func(t *testing.T) {
			cred := &numbered{}
			handler, env := newHandler(t, cred)
			require.Equal(t, http.StatusOK, serve(t, handler, newRevokingRequest(env, test.version, test.capabilities, "")).status)
			require.Equal(t, test.want, cred.cae.Load())
		})
	}
}

// A credential that can't forget is asked again.
func TestRevocationWithoutCache(t *testing.T) {
	handler, env := newHandler(t, &source{})
	a := serve(t, handler, newRevokingRequest(env, "2025-03-30", "cp1", hashed(theToken)))
	require.Equal(t, http.StatusOK, a.status)
}

// TestATokenThatHasEnded has no seconds left, and not fewer.
func TestATokenThatHasEnded(t *testing.T) {
	handler, env := newHandler(t, &source{expiry: time.Now().Add(-time.Hour)})
	require.EqualValues(t, 0, serve(t, handler, newRequest(env, vault)).body["expires_in"])
}
