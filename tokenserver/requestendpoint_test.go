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

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/tokenserver"
)

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
	testkit.RequirePrintsNone(t, handler, env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
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
