package scenarios_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// A hostility is what a service, or whoever answers in its place, does with a text. It returns nil, nil to let the cloud answer.
type hostility func(text string) (*http.Response, error)

// answered is an answer that no server of net/http would send, as a transport of another make may hand it on.
func answered(status int, reason string, header http.Header, body string) (*http.Response, error) {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, reason), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func jsonOf(members map[string]any) string {
	document, _ := json.Marshal(members) // of strings and numbers
	return string(document)
}

// refusing puts the text into a member of a refusal.
func refusing(status int, member string, others map[string]any) hostility {
	return func(text string) (*http.Response, error) {
		members := maps.Clone(others)
		members[member] = text
		return answered(status, "Bad Request", http.Header{}, jsonOf(members))
	}
}

func inHeader(status int, name string) hostility {
	return func(text string) (*http.Response, error) {
		return answered(status, "Bad Request", http.Header{name: {text}}, `{"error":"invalid_request","message":"no, never"}`)
	}
}

// failing is the error of a transport.
func failing(make func(text string) error) hostility {
	return func(text string) (*http.Response, error) { return nil, make(text) }
}

// onAnyLeg are the hostilities that need no knowledge of the service.
func onAnyLeg() map[string]hostility {
	hostilities := map[string]hostility{
		"reason phrase": func(text string) (*http.Response, error) { return answered(403, text, http.Header{}, "") },
		"body":          func(text string) (*http.Response, error) { return answered(400, "", http.Header{}, text) },
		"body of a 200": func(text string) (*http.Response, error) { return answered(200, "OK", http.Header{}, text) },
		"broken JSON": func(text string) (*http.Response, error) {
			return answered(400, "", http.Header{}, `{"message":"`+text+`","error_description":"AADSTS700016: `+text+`"}`)
		},
		"JSON's escapes": func(text string) (*http.Response, error) {
			return answered(400, "", http.Header{}, `{"message":"`+escaped(text)+`"}`)
		},
		"a member's name": func(text string) (*http.Response, error) {
			return answered(400, "", http.Header{}, jsonOf(map[string]any{text: text}))
		},
		"header's name": func(text string) (*http.Response, error) {
			return answered(400, "", http.Header{text: {text}}, "")
		},
		"redirect": func(text string) (*http.Response, error) {
			return answered(302, "Found", http.Header{"Location": {text}}, "")
		},
		"error":      failing(func(text string) error { return errors.New(text) }),
		"URL error":  failing(func(text string) error { return &url.Error{Op: text, URL: text, Err: errors.New(text)} }),
		"DNS error":  failing(func(text string) error { return &net.DNSError{Err: text, Name: text, Server: text} }),
		"dial error": failing(func(text string) error { return &net.OpError{Op: "dial", Net: text, Err: errors.New(text)} }),
		"certificate's names": failing(func(text string) error {
			certificate := &x509.Certificate{DNSNames: []string{text, text}}
			return &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: certificate, Host: "login.example"},
				UnverifiedCertificates: []*x509.Certificate{certificate}}
		}),
		"body that breaks off": func(text string) (*http.Response, error) {
			resp, err := answered(200, "OK", http.Header{}, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenOff(text)))
			return resp, err
		},
	}
	for _, name := range []string{"X-Ms-Request-Id", "X-Vss-E2eid", "X-Msedge-Ref", "Activityid", "X-Github-Request-Id", "Retry-After", "Date",
		"Content-Type", "X-Ms-Error-Code", "Www-Authenticate", "Server"} {
		hostilities[name] = inHeader(200, name)
		hostilities[name+" of a 429"] = inHeader(429, name)
	}
	return hostilities
}

// brokenOff is a reader that fails with itself as the error.
type brokenOff string

func (b brokenOff) Error() string            { return string(b) }
func (b brokenOff) Read([]byte) (int, error) { return 0, b }

// escaped writes each UTF-16 unit of text as an escape of JSON.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xffff {
			r = '?'
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

// onLeg are all hostilities of a leg.
func onLeg(leg azoidctest.Leg) map[string]hostility {
	hostilities := onAnyLeg()
	add := func(members []string, make func(member string) hostility) {
		for _, member := range members {
			hostilities[member] = make(member)
		}
	}
	refused := func(member string) hostility { return refusing(400, member, map[string]any{"statusCode": 400}) }
	claim := func(token, claim string) hostility {
		return func(text string) (*http.Response, error) {
			var value any = text
			if claim == "aud" {
				value = []string{text, text}
			}
			return answered(200, "OK", http.Header{}, jsonOf(map[string]any{token: testbed.JWT(jsonOf(map[string]any{claim: value}))}))
		}
	}
	claims := []string{"iss", "sub", "aud", "jti", "job_workflow_ref"}
	switch leg {
	case azoidctest.GitHubOIDC:
		add([]string{"message", "errorMessage", "source"}, refused)
		add([]string{"value"}, func(m string) hostility { return refusing(200, m, map[string]any{"count": 1}) })
		add(claims, func(c string) hostility { return claim("value", c) })
		hostilities["a token with more behind it"] = func(text string) (*http.Response, error) {
			return answered(200, "OK", http.Header{}, jsonOf(map[string]any{"value": anyJWT + text}))
		}
	case azoidctest.AzureDevOpsOIDC:
		add([]string{"typeName", "typeKey"}, refused)
		add([]string{"value", "oidcToken", "message"}, func(m string) hostility { return refusing(200, m, map[string]any{"$id": "1"}) })
		add(claims, func(c string) hostility { return claim("oidcToken", c) })
		hostilities["a message of words"] = func(text string) (*http.Response, error) {
			return answered(404, "", http.Header{}, jsonOf(map[string]any{"message": "not found: " + text}))
		}
	case azoidctest.EntraOpenIDConfiguration:
		document := map[string]any{"issuer": "https://login.microsoftonline.com/x/v2.0", "authorization_endpoint": "https://login.microsoftonline.com/a",
			"token_endpoint": "https://login.microsoftonline.com/t"}
		add([]string{"issuer", "authorization_endpoint", "token_endpoint", "another"}, func(m string) hostility { return refusing(200, m, document) })
		add([]string{"error", "error_description"}, refused)
		hostilities["token_endpoint's path"] = func(text string) (*http.Response, error) {
			document := maps.Clone(document)
			document["token_endpoint"] = "https://login.microsoftonline.com/" + url.PathEscape(text)
			return answered(200, "OK", http.Header{}, jsonOf(document))
		}
	case azoidctest.EntraToken:
		refusal := map[string]any{"error": "invalid_client", "error_codes": []int{700213}, "error_description": "AADSTS700213: no."}
		add([]string{"error", "trace_id", "correlation_id", "timestamp", "error_uri", "suberror", "claims"}, func(m string) hostility { return refusing(401, m, refusal) })
		hostilities["error_description"] = func(text string) (*http.Response, error) {
			return answered(401, "", http.Header{}, jsonOf(map[string]any{"error_description": "AADSTS700016: " + text}))
		}
		token := map[string]any{"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600}
		add([]string{"scope", "token_type", "client_info", "id_token", "access_token", "expires_in", "ext_expires_in", "refresh_in", "expires_on", "foci"},
			func(m string) hostility { return refusing(200, m, token) })
	}
	return hostilities
}

// legOf returns the leg of a client's request.
func legOf(r *http.Request, s testkit.System) azoidctest.Leg {
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		return azoidctest.EntraOpenIDConfiguration
	case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		return azoidctest.EntraInstanceDiscovery
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"), strings.HasPrefix(r.URL.Host, "login.microsoftonline.com"):
		return azoidctest.EntraToken
	}
	return s.Leg
}

// tried counts what is put through the parsers.
type tried struct{ inputs, outputs, shown int }

// ownMaking begins the names of errors that a program has filled in itself, so that it knows what is in their fields.
const ownMaking = "of a program's own making: "

// forgedLine is what one of the hostile texts would add to a report.
const forgedLine = "\n  do:        run this"

// require checks every output that an input leads to.
func (c *tried) require(t *testing.T, input string, err error, lines string) {
	t.Helper()
	c.inputs++
	outputs := map[string]string{"azcore's log": strings.ReplaceAll(lines, "\t", " ")} // azidentity's own tabs
	if err != nil {
		maps.Copy(outputs, testkit.FormsOf(t, err))
		if !strings.HasPrefix(input, ownMaking) {
			addFields(outputs, err)
		}
		outputs["%s"], outputs["%q"], outputs["%.80s"] = fmt.Sprintf("%s", err), fmt.Sprintf("%q", err), fmt.Sprintf("%.80s", err)
		outputs["joined"] = errors.Join(err, err).Error()
		if strings.Contains(err.Error(), testbed.HostileMark) {
			c.shown++
		}
	}
	checked := map[string]bool{}
	for form, output := range outputs {
		c.outputs++
		if checked[output] {
			continue
		}
		checked[output] = true
		if strings.Contains(output, forgedLine) && !strings.HasPrefix(input, ownMaking) {
			require.Failf(t, "forged", "a line of the report in %s of %s: %q", form, input, output)
		}
		if harm := testbed.HarmfulIn(output); harm != "" {
			require.Failf(t, "harmful", "%s in %s of %s: %q", harm, form, input, output)
		}
	}
}

// addFields adds what a program may print of an error by itself.
func addFields(outputs map[string]string, err error) {
	if unusable := (*azoidc.AssertionError)(nil); errors.As(err, &unusable) {
		outputs["Source"], outputs["Err"] = unusable.Source, unusable.Err.Error()
		outputs["Claims"] = fmt.Sprintf("%v %+v %#v", unusable.Claims, unusable.Claims, unusable.Claims)
	}
	if refused := (*azoidc.ExchangeError)(nil); errors.As(err, &refused) {
		outputs["TraceID"], outputs["CorrelationID"], outputs["Code"] = refused.TraceID, refused.CorrelationID, refused.Code
		outputs["Claims"] = fmt.Sprintf("%v %+v %#v", refused.Claims, refused.Claims, refused.Claims)
	}
	if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &failed) {
		outputs["AuthenticationFailedError %#v"] = fmt.Sprintf("%#v", failed)
		if failed.RawResponse != nil {
			outputs["Status"] = failed.RawResponse.Status
			for name, values := range failed.RawResponse.Header {
				outputs["header "+name] = name + "\n" + strings.Join(values, "\n")
			}
		}
	}
}

// onlyOnce keeps a hostility from being tried again, at once or after a while.
func onlyOnce(o *azoidc.CredentialOptions, transport policy.Transporter) {
	o.Transport = transport
	o.Retry.MaxRetries = -1
	o.ReplicationTimeout = -1
}

// makers of each kind of credential, for jobs of each system.
var makers = map[string]func(testing.TB, *azoidctest.Cloud, testkit.System, policy.Transporter) azcore.TokenCredential{
	"own": func(t testing.TB, c *azoidctest.Cloud, s testkit.System, transport policy.Transporter) azcore.TokenCredential {
		if s.Leg == azoidctest.GitHubOIDC {
			return testkit.NewGitHub(t, c, func(o *azoidc.GitHubActionsCredentialOptions) { onlyOnce(&o.CredentialOptions, transport) })
		}
		return testkit.NewPipelines(t, c, func(o *azoidc.AzurePipelinesCredentialOptions) { onlyOnce(&o.CredentialOptions, transport) })
	},
	"on behalf of": func(t testing.TB, c *azoidctest.Cloud, s testkit.System, transport policy.Transporter) azcore.TokenCredential {
		options := &azoidc.OnBehalfOfCredentialOptions{CredentialOptions: testkit.CredentialOptions(c)}
		onlyOnce(&options.CredentialOptions, transport)
		cred, err := azoidc.NewOnBehalfOfCredential(c.TenantID(), c.ClientID(), c.UserAssertion(3600e9), assertionOf(c, s, transport), options)
		require.NoError(t, err)
		return cred
	},
	"with an assertion": func(t testing.TB, c *azoidctest.Cloud, s testkit.System, transport policy.Transporter) azcore.TokenCredential {
		options := &azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(c)}
		onlyOnce(&options.CredentialOptions, transport)
		cred, err := azoidc.NewAssertionCredential(c.TenantID(), c.ClientID(), assertionOf(c, s, transport), options)
		require.NoError(t, err)
		return cred
	},
	"an assertion alone": func(_ testing.TB, c *azoidctest.Cloud, s testkit.System, transport policy.Transporter) azcore.TokenCredential {
		return alone(assertionOf(c, s, transport))
	},
}

// alone is an AssertionFunc that another program calls, and prints what it returns.
type alone azoidc.AssertionFunc

func (a alone) GetToken(ctx context.Context, _ testkit.TokenRequest) (azcore.AccessToken, error) {
	jwt, err := a(ctx)
	if err == nil {
		err = errors.New(jwt)
	}
	return azcore.AccessToken{}, err
}

func assertionOf(c *azoidctest.Cloud, s testkit.System, transport policy.Transporter) azoidc.AssertionFunc {
	client := azcore.ClientOptions{Cloud: c.Configuration(), Transport: transport, Retry: policy.RetryOptions{MaxRetries: -1}}
	if s.Leg == azoidctest.GitHubOIDC {
		job := c.GitHubJob(nil)
		return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{ClientOptions: client, RequestURL: job.RequestURL, RequestToken: job.RequestToken})
	}
	job := c.PipelinesJob(nil)
	return azoidc.AzurePipelinesAssertion(job.ServiceConnectionID, job.SystemAccessToken,
		&azoidc.AzurePipelinesAssertionOptions{ClientOptions: client, RequestURI: job.RequestURI})
}

// exhaustive is for a run of a minute or more: CI's, and after changes to the gate or to retries.
var exhaustive = flag.Bool("exhaustive", false, "put every hostile text into every position of every credential's answers, and run larger simulations")

// byTurns is one in so many of texts: for each number others.
func byTurns(texts map[string]string, number, oneIn int) map[string]string {
	share := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		if (i+number)%oneIn == 0 {
			share[name] = texts[name]
		}
	}
	return share
}

// placed are the texts that need a place of their own.
func placed() map[string]string {
	few := testbed.FewHostile()
	delete(few, "all")
	return few
}

// hostileTexts are those for the position of that number: all one behind the other, and one in so many of the others by turns;
// 0 is none.
func hostileTexts(others map[string]string, number, oneIn int) map[string]string {
	switch {
	case *exhaustive:
		return testbed.Hostile
	case oneIn == 0:
		return map[string]string{"all": testbed.AllHostile}
	}
	texts := byTurns(others, number, oneIn)
	texts["all"] = testbed.AllHostile
	return texts
}

// sharesCode tells whether another combination runs the code that this one does: what Entra says is read in one way for all
// systems, and all kinds of credentials read it in the same.
func sharesCode(maker string, s testkit.System, leg azoidctest.Leg) bool {
	return !*exhaustive && maker != "own" && isEntrasAgain(s, leg)
}

// isEntrasAgain holds for a leg of Entra's that belongs to another system, too, before this one.
func isEntrasAgain(s testkit.System, leg azoidctest.Leg) bool {
	return leg != s.Leg && s.Name != testkit.Systems[0].Name
}

// hasTurn tells whether a kind of credential is tried in the position of that number: beside "own", one of the others is.
func hasTurn(maker string, number int) bool {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(makers)), func(name string) bool { return name == "own" })
	return *exhaustive || maker == "own" || others[number%len(others)] == maker
}

// TestHostileServices puts hostile texts into each position of each leg's answer.
func TestHostileServices(t *testing.T) {
	testbed.NotShort(t, "tries each text in each position")
	counts := map[string]*tried{}
	for turn, s := range testkit.Systems {
		for _, leg := range s.Legs() {
			for maker := range makers {
				if maker == "an assertion alone" && leg != s.Leg || sharesCode(maker, s, leg) {
					continue
				}
				t.Run(fmt.Sprint(s.Name, "/", leg, "/", maker), func(t *testing.T) {
					if counts[maker] == nil {
						counts[maker] = &tried{}
					}
					tryHostilities(t, s, leg, maker, turn, counts[maker])
				})
			}
		}
	}
	for maker, count := range counts {
		require.Greater(t, count.shown, count.inputs/5, "the texts are seen")
		t.Logf("%s: %d inputs, %d outputs", maker, count.inputs, count.outputs)
	}
}

// tryHostilities lets a leg answer a credential with hostile texts.
func tryHostilities(t *testing.T, s testkit.System, leg azoidctest.Leg, maker string, turn int, count *tried) {
	testbed.OnALaptop(t)
	local := testkit.NewCloud()
	hostilities := onLeg(leg)
	oneIn := 0
	if maker == "own" {
		oneIn = len(placed())
	}
	for number, position := range slices.Sorted(maps.Keys(hostilities)) {
		if !hasTurn(maker, number) {
			continue
		}
		for name, text := range hostileTexts(placed(), number+turn, oneIn) {
			cred := makers[maker](t, local, s, testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
				if legOf(r, s) != leg {
					return local.Do(r)
				}
				resp, err := hostilities[position](text)
				if resp != nil {
					resp.Request = r
				}
				return resp, err
			}))
			lines := testkit.Logged.Keep(t)
			_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			count.require(t, position+", "+name, err, lines())
		}
	}
}

// TestHostileSurroundings put each hostile text where the environment and arguments have theirs.
func TestHostileSurroundings(t *testing.T) {
	testbed.NotShort(t, "tries each text in each position")
	testbed.OnALaptop(t)
	local := testkit.NewCloud()
	scoped := func(cred azcore.TokenCredential, err error, scope string) error {
		if err != nil {
			return err
		}
		_, err = cred.GetToken(t.Context(), testkit.ForScope(scope))
		return err
	}
	options := func(change func(*azoidc.CredentialOptions)) azoidc.CredentialOptions {
		o := testkit.CredentialOptions(local)
		onlyOnce(&o, o.Transport)
		if change != nil {
			change(&o)
		}
		return o
	}
	job := local.GitHubJob(nil)
	github := func(tenantID, clientID, scope string, change func(*azoidc.GitHubActionsCredentialOptions)) error {
		o := &azoidc.GitHubActionsCredentialOptions{CredentialOptions: options(nil), RequestURL: job.RequestURL, RequestToken: job.RequestToken}
		if change != nil {
			change(o)
		}
		cred, err := azoidc.NewGitHubActionsCredential(tenantID, clientID, o)
		return scoped(cred, err, scope)
	}
	valid := func(t *testing.T) azoidc.AssertionFunc { return assertionOf(local, testkit.Systems[0], local) }
	with := func(assertion azoidc.AssertionFunc) error {
		cred, err := azoidc.NewAssertionCredential(local.TenantID(), local.ClientID(), assertion, &azoidc.AssertionCredentialOptions{CredentialOptions: options(nil)})
		return scoped(cred, err, testkit.VaultScope)
	}
	positions := map[string]func(t *testing.T, text string) error{
		"tenant ID": func(t *testing.T, text string) error { return github(text, local.ClientID(), testkit.VaultScope, nil) },
		"client ID": func(t *testing.T, text string) error { return github(local.TenantID(), text, testkit.VaultScope, nil) },
		"AZURE_CLIENT_ID": func(t *testing.T, text string) error {
			t.Setenv("AZURE_CLIENT_ID", variable(text))
			return github(local.TenantID(), "", testkit.VaultScope, nil)
		},
		"AZURE_TENANT_ID": func(t *testing.T, text string) error {
			t.Setenv("AZURE_TENANT_ID", variable(text))
			return github("", local.ClientID(), testkit.VaultScope, nil)
		},
		"AZURE_AUTHORITY_HOST": func(t *testing.T, text string) error {
			t.Setenv("AZURE_AUTHORITY_HOST", "https://"+variable(text))
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) { o.Cloud = cloud.Configuration{} })
		},
		"authority's path": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.Cloud.ActiveDirectoryAuthorityHost = "https://login.example/" + text
			})
		},
		"AZURE_TOKEN_CREDENTIALS": func(t *testing.T, text string) error {
			t.Setenv("AZURE_TOKEN_CREDENTIALS", variable(text))
			cred, err := azoidc.NewDefaultCredential(nil)
			return scoped(cred, err, testkit.VaultScope)
		},
		"scope": func(t *testing.T, text string) error { return github(local.TenantID(), local.ClientID(), text, nil) },
		"scope that Entra accepts": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), text, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.Transport = testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
					if legOf(r, testkit.Systems[0]) == azoidctest.EntraToken {
						return answered(200, "OK", http.Header{}, `{"access_token":"a.b.c","token_type":"Bearer","expires_in":3600}`)
					}
					return local.Do(r)
				})
			})
		},
		"tenant of a request": func(t *testing.T, text string) error {
			_, err := testkit.NewGitHub(t, local).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: text})
			return err
		},
		"claims of a request": func(t *testing.T, text string) error {
			_, err := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) { onlyOnce(&o.CredentialOptions, o.Transport) }).
				GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, Claims: text, EnableCAE: true})
			return err
		},
		"Preload": func(t *testing.T, text string) error {
			return testkit.NewGitHub(t, local).Preload(t.Context(), text, text)
		},
		"audience": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) { o.Audience = text })
		},
		"request URL": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) { o.RequestURL = "https://github.example/" + text })
		},
		"request URL's host": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) { o.RequestURL = "https://" + text })
		},
		"request URL's scheme": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) { o.RequestURL = text + "://x" })
		},
		"request token": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) { o.RequestToken = text })
		},
		"refused audience": func(t *testing.T, text string) error {
			local.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Status(400, nil, ""))
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) { o.Audience = text })
		},
		"refused service connection": func(t *testing.T, text string) error {
			job := local.PipelinesJob(nil)
			local.FailNext(azoidctest.AzureDevOpsOIDC, 1, azoidctest.Status(404, nil, ""))
			cred, err := azoidc.NewAzurePipelinesCredential(local.TenantID(), local.ClientID(), text, job.SystemAccessToken,
				&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options(nil), RequestURI: job.RequestURI})
			return scoped(cred, err, testkit.VaultScope)
		},
		"service connection": func(t *testing.T, text string) error {
			job := local.PipelinesJob(nil)
			cred, err := azoidc.NewAzurePipelinesCredential(local.TenantID(), local.ClientID(), text, job.SystemAccessToken,
				&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options(nil), RequestURI: job.RequestURI})
			return scoped(cred, err, testkit.VaultScope)
		},
		"user's assertion": func(t *testing.T, text string) error {
			_, err := azoidc.NewOnBehalfOfCredential(local.TenantID(), local.ClientID(), "a.b.c"+text, valid(t), nil)
			return err
		},
		"user's claims": func(t *testing.T, text string) error {
			cred, err := azoidc.NewOnBehalfOfCredential(local.TenantID(), local.ClientID(), testbed.JWT(jsonOf(map[string]any{"sub": text, "aud": text, "iss": text})), valid(t),
				&azoidc.OnBehalfOfCredentialOptions{CredentialOptions: options(nil)})
			return scoped(cred, err, testkit.VaultScope)
		},
		"file": func(t *testing.T, text string) error {
			return with(azoidc.FileAssertion(filepath.Join(t.TempDir(), text)))
		},
		"command": func(t *testing.T, text string) error { return with(azoidc.CommandAssertion(text, text)) },
		"static":  func(t *testing.T, text string) error { return with(azoidc.StaticAssertion(testbed.JWT("{}") + text)) },
		"AssertionFunc": func(t *testing.T, text string) error {
			return with(func(context.Context) (string, error) { return testbed.JWT("{}") + text, nil })
		},
		"AssertionFunc's error": func(t *testing.T, text string) error {
			return with(func(context.Context) (string, error) { return "", errors.New(text) })
		},
		ownMaking + "AssertionFunc's AssertionError": func(t *testing.T, text string) error {
			return with(func(context.Context) (string, error) {
				return "", fmt.Errorf("%s%w", text, &azoidc.AssertionError{Source: text, Claims: &azoidc.Claims{Subject: text}, Err: errors.New(text)})
			})
		},
		"AssertionFunc's panic": func(t *testing.T, text string) error {
			return with(func(context.Context) (string, error) { panic(text) })
		},
		"AssertionFunc isn't here": func(t *testing.T, text string) error {
			return with(func(context.Context) (string, error) { return "", azidentity.NewCredentialUnavailableError(text) })
		},
		"transport's panic": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.Transport = testbed.TransportFunc(func(*http.Request) (*http.Response, error) { panic(errors.New(text)) })
			})
		},
		"policy's panic": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.PerCallPolicies = []policy.Policy{policyFunc(func(*policy.Request) (*http.Response, error) { panic(text) })}
			})
		},
		"a cache's credential's panic": func(t *testing.T, text string) error {
			cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: 3600e9, Answer: func(context.Context, testkit.TokenRequest) error { panic(text) }}, nil)
			_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			return err
		},
		"policy's error": func(t *testing.T, text string) error {
			return github(local.TenantID(), local.ClientID(), testkit.VaultScope, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.PerCallPolicies = []policy.Policy{policyFunc(func(*policy.Request) (*http.Response, error) { return nil, errors.New(text) })}
			})
		},
		"a cache's credential's error": func(t *testing.T, text string) error {
			cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: 3600e9, Answer: testkit.Fails(errors.New("outage"))}, nil)
			return cache.Preload(t.Context(), text)
		},
		ownMaking + "ExchangeError": func(t *testing.T, text string) error {
			return &azoidc.ExchangeError{Code: text, TraceID: text, CorrelationID: text, Claims: &azoidc.Claims{Issuer: text, Audience: []string{text}}, Err: errors.New("no")}
		},
		ownMaking + "AssertionError": func(t *testing.T, text string) error {
			return &azoidc.AssertionError{Source: text, Claims: &azoidc.Claims{Issuer: text, JobWorkflowRef: text}, Err: errors.New("no")}
		},
		"ParseClaims": func(t *testing.T, text string) error {
			_, err := azoidc.ParseClaims(text + "." + text + "." + text)
			return err
		},
	}
	mayPass := []string{"audience", "claims of a request", "request token", "scope that Entra accepts"}
	count := &tried{}
	oneIn := 2
	for number, position := range slices.Sorted(maps.Keys(positions)) {
		for name, text := range hostileTexts(testbed.Hostile, number, oneIn) {
			t.Run(position+"/"+name, func(t *testing.T) {
				lines := testkit.Logged.Keep(t)
				err := positions[position](t, text)
				if !strings.HasPrefix(position, "AZURE_") && !slices.Contains(mayPass, position) {
					require.Error(t, err)
				}
				count.require(t, position+", "+name, err, lines())
			})
		}
	}
	t.Logf("%d inputs, %d outputs", count.inputs, count.outputs)
}

// TestHostileChain: what azidentity's own credentials say at the chain's end. What they write to azcore's log is theirs.
func TestHostileChain(t *testing.T) {
	testbed.NotShort(t, "tries each text in each position")
	testbed.OnALaptop(t)
	local := testkit.NewCloud()
	testkit.InKubernetes(t, local)
	count := &tried{}
	oneIn := len(placed())
	hostilities := onLeg(azoidctest.EntraToken)
	for number, position := range slices.Sorted(maps.Keys(hostilities)) {
		for name, text := range hostileTexts(placed(), number, oneIn) {
			options := testkit.CredentialOptions(local)
			onlyOnce(&options, testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
				if legOf(r, testkit.Systems[0]) != azoidctest.EntraToken {
					return local.Do(r)
				}
				resp, err := hostilities[position](text)
				if resp != nil {
					resp.Request = r
				}
				return resp, err
			}))
			options.DisableInstanceDiscovery = true
			cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: options})
			require.NoError(t, err)
			_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			count.require(t, position+", "+name, err, "")
		}
	}
	require.Greater(t, count.shown, count.inputs/4, "the texts are seen")
	t.Logf("%d inputs, %d outputs", count.inputs, count.outputs)
}

// variable is a text as far as an environment variable holds it.
func variable(text string) string { return strings.ReplaceAll(text, "\x00", "\x01") }

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(r *policy.Request) (*http.Response, error) { return f(r) }

// TestATokenOutsideItsAlphabetIsNotPosted nor returned.
func TestATokenOutsideItsAlphabetIsNotPosted(t *testing.T) {
	testbed.NotShort(t, "tries each text")
	for name, text := range testbed.Hostile {
		local := testkit.NewCloud()
		local.Fail(azoidctest.GitHubOIDC, azoidctest.Status(200, nil, jsonOf(map[string]any{"value": anyJWT + text})))
		cred := makers["own"](t, local, testkit.Systems[0], testkit.WithTransportErrors(local))
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "not a JWT: ", name)
		require.Zero(t, local.Count(azoidctest.EntraToken), name)

		local.Mend()
		local.Fail(azoidctest.EntraToken, azoidctest.Status(200, nil, jsonOf(map[string]any{"access_token": "abc" + text, "expires_in": 3600, "token_type": "Bearer"})))
		token, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "characters that no bearer token has", name)
		require.Empty(t, token.Token)
	}
}
