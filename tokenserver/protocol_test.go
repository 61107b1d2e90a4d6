package tokenserver_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

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
