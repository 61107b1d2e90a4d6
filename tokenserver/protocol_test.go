package tokenserver_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/tokenserver"
)

// newAzdRequest is what azd's RemoteCredential sends.
func newAzdRequest(env map[string]string, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, env["AZD_AUTH_ENDPOINT"]+"/token?api-version=2023-07-12-preview", strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+env["AZD_AUTH_KEY"])
	return r
}

func TestAzd(t *testing.T) {
	cred := &source{}
	handler, env := newHandler(t, cred)

	a := serve(t, handler, newAzdRequest(env, `{"scopes":["https://management.azure.com//.default"],"tenantId":"contoso"}`))

	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, map[string]any{
		"status": "success", "token": theToken, "expiresOn": cred.expiry.UTC().Format(time.RFC3339),
	}, a.body)
	require.Equal(t, []string{"https://management.azure.com//.default"}, cred.scopes())
	require.Equal(t, "contoso", cred.asked[0].TenantID)
	require.False(t, cred.asked[0].EnableCAE, "azd has no way to pass on a claims challenge")
}

// azd shows the message of an answer with status 200, and of another answer the status only.
func TestAzdIsToldWhy(t *testing.T) {
	var logged bytes.Buffer
	handler, err := tokenserver.New(&source{get: func(context.Context) (azcore.AccessToken, error) {
		return azcore.AccessToken{}, errors.New("no luck")
	}}, &tokenserver.Options{ErrorLog: log.New(&logged, "", 0)})
	require.NoError(t, err)
	env := handler.Env(endpoint)
	for name, test := range map[string]struct {
		request *http.Request
		message string
	}{
		"credential fails": {newAzdRequest(env, `{"scopes":["s"]}`), "no luck"},
		"no scopes":        {newAzdRequest(env, `{}`), "scopes are needed"},
		"no JSON":          {newAzdRequest(env, `scopes`), "JSON"},
		"no body":          {newAzdRequest(env, ``), "JSON"},
		"too much":         {newAzdRequest(env, `{"scopes":["`+strings.Repeat("s", 20<<10)+`"]}`), "too large"},
	} {
		a := serve(t, handler, test.request)
		require.Equal(t, http.StatusOK, a.status, name)
		require.Equal(t, "error", a.body["status"], name)
		require.Equal(t, "GetTokenError", a.body["code"], name)
		require.Contains(t, a.body["message"], test.message, name)
	}
	require.Equal(t, "no token for \"[s]\": no luck\n", logged.String())
	r := newAzdRequest(env, `{"scopes":["s"]}`)
	r.URL.RawQuery = "api-version=2099-01-01"
	require.Contains(t, serve(t, handler, r).body["message"], `api-version "2099-01-01" isn't supported`)
}

func TestAzdsKey(t *testing.T) {
	handler, env := newHandler(t, &source{})
	require.Regexp(t, "^[0-9a-f]{64}$", env["AZD_AUTH_KEY"])
	testbed.RequirePrintsNone(t, handler, env["AZD_AUTH_KEY"])
	for name, test := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"none":            {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"wrong":           {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+strings.Repeat("0", 64)) }, 401},
		"as Basic":        {func(r *http.Request) { r.Header.Set("Authorization", "Basic "+env["AZD_AUTH_KEY"]) }, 401},
		"another secret":  {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+env["IDENTITY_HEADER"]) }, 401},
		"GET":             {func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"another host":    {func(r *http.Request) { r.Host = "evil.example" }, 403},
		"another machine": {func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }, 403},
		"another path":    {func(r *http.Request) { r.URL.Path = "/azd/token/" }, 404},
		"oversized query": {func(r *http.Request) { r.URL.RawQuery += strings.Repeat("x", tokenserver.MaxQuery) }, 414},
	} {
		r := newAzdRequest(env, `{"scopes":["s"]}`)
		test.change(r)
		a := serve(t, handler, r)
		require.Equal(t, test.status, a.status, name)
		require.NotContains(t, a.text, theToken)
		switch a.status {
		case 401:
			require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
		case 405:
			require.Equal(t, "POST", a.header.Get("Allow"))
		}
	}
}

const (
	entra       = "api://AzureADTokenExchange"
	theOIDC     = "eyJ0eXAiOiJKV1QifQ.eyJjYW5hcnkiOiJvaWRjIn0.c2lnbmF0dXJl"
	theOIDCSize = float64(len(theOIDC))
)

func newRequestEndpoint(t testing.TB, assertion func(context.Context, string) (string, error)) (*tokenserver.Handler, map[string]string, *bytes.Buffer) {
	t.Helper()
	logged := &bytes.Buffer{}
	handler, err := tokenserver.New(&source{}, &tokenserver.Options{
		Assertion: assertion, Audiences: []string{entra, "sigstore"}, ErrorLog: log.New(logged, "", 0),
	})
	require.NoError(t, err)
	return handler, handler.Env(endpoint), logged
}

// newOIDCRequest is what @actions/core sends: it appends the audience to the address.
func newOIDCRequest(env map[string]string, audience string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, env["ACTIONS_ID_TOKEN_REQUEST_URL"]+"&audience="+url.QueryEscape(audience), nil)
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("Authorization", "Bearer "+env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	return r
}

func TestRequestEndpoint(t *testing.T) {
	var asked []string
	handler, env, _ := newRequestEndpoint(t, func(_ context.Context, audience string) (string, error) {
		asked = append(asked, audience)
		return theOIDC, nil
	})
	require.Equal(t, env["ACTIONS_ID_TOKEN_REQUEST_URL"], env["ARM_OIDC_REQUEST_URL"])
	require.Equal(t, env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], env["ARM_OIDC_REQUEST_TOKEN"])
	testbed.RequirePrintsNone(t, handler, env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	for _, audience := range []string{entra, "sigstore"} {
		a := serve(t, handler, newOIDCRequest(env, audience))
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, map[string]any{"count": theOIDCSize, "value": theOIDC}, a.body)
	}
	require.Equal(t, []string{entra, "sigstore"}, asked)
}

func TestRequestEndpointRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*http.Request, map[string]string)
		status  int
		message string
	}{
		"another audience": {func(r *http.Request, _ map[string]string) { r.URL.RawQuery = "audience=vault" }, 400,
			`Can't issue ID_TOKEN for audience "vault": here only for ` + entra + " or sigstore"},
		"no audience":    {func(r *http.Request, _ map[string]string) { r.URL.RawQuery = "" }, 400, "exactly one audience"},
		"empty audience": {func(r *http.Request, _ map[string]string) { r.URL.RawQuery = "audience=" }, 400, "exactly one audience"},
		"two audiences":  {func(r *http.Request, _ map[string]string) { r.URL.RawQuery += "&audience=sigstore" }, 400, "exactly one audience"},
		"broken query":   {func(r *http.Request, _ map[string]string) { r.URL.RawQuery += "&x=%zz" }, 400, "can't be parsed"},
		"a command in it": {func(r *http.Request, _ map[string]string) {
			r.URL.RawQuery = "audience=" + url.QueryEscape("##vso[task.setvariable variable=x]\n::error::")
		}, 400, `Can't issue ID_TOKEN for audience "# #vso[task.setvariable variable=x]\n::error::"`},
		"no token": {func(r *http.Request, _ map[string]string) { r.Header.Del("Authorization") }, 401, ""},
		"another secret": {func(r *http.Request, env map[string]string) {
			r.Header.Set("Authorization", "Bearer "+env["IDENTITY_HEADER"])
		}, 401, ""},
		"azd's key": {func(r *http.Request, env map[string]string) {
			r.Header.Set("Authorization", "Bearer "+env["AZD_AUTH_KEY"])
		}, 401, ""},
		"POST":         {func(r *http.Request, _ map[string]string) { r.Method = http.MethodPost }, 405, ""},
		"a body":       {func(r *http.Request, _ map[string]string) { r.ContentLength = 1 }, 400, ""},
		"another host": {func(r *http.Request, _ map[string]string) { r.Host = "evil.example" }, 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			handler, env, logged := newRequestEndpoint(t, func(context.Context, string) (string, error) {
				t.Error("nobody is asked")
				return theOIDC, nil
			})
			r := newOIDCRequest(env, entra)
			test.change(r, env)
			a := serve(t, handler, r)
			require.Equal(t, test.status, a.status, a.text)
			if test.message != "" {
				require.Contains(t, a.body["errorMessage"], test.message)
			}
			require.NotContains(t, a.text, theOIDC)
			require.Empty(t, logged.String())
		})
	}
}

// The request token is for OIDC tokens only.
func TestRequestTokenOpensNoOtherDoor(t *testing.T) {
	handler, env, _ := newRequestEndpoint(t, func(context.Context, string) (string, error) { return theOIDC, nil })
	r := newRequest(env, vault)
	r.Header.Set("X-IDENTITY-HEADER", env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	require.Equal(t, 401, serve(t, handler, r).status)
	r = newAzdRequest(env, `{"scopes":["s"]}`)
	r.Header.Set("Authorization", "Bearer "+env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
	require.Equal(t, 401, serve(t, handler, r).status)
}

func TestRequestEndpointTellsWhy(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"refused": {&azoidc.AssertionError{Source: "GitHub Actions", StatusCode: 400, Err: errors.New("no luck")}, 400},
		"outage":  {&azoidc.AssertionError{Source: "GitHub Actions", StatusCode: 503, Err: errors.New("no luck")}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			handler, env, logged := newRequestEndpoint(t, func(context.Context, string) (string, error) { return "", test.err })
			a := serve(t, handler, newOIDCRequest(env, entra))
			require.Contains(t, a.body["errorMessage"], "no luck")
			require.EqualValues(t, a.status, a.body["statusCode"])
			require.True(t, strings.HasPrefix(logged.String(), `no token for "`+entra+`": `), logged)
		})
	}
}

func TestRequestEndpointIsntThereUnasked(t *testing.T) {
	handler, env := newHandler(t, &source{})
	for name := range env {
		require.NotContains(t, name, "REQUEST")
	}
	_, asked, _ := newRequestEndpoint(t, func(context.Context, string) (string, error) { return theOIDC, nil })
	require.Equal(t, 404, serve(t, handler, newOIDCRequest(asked, entra)).status)
}
