package tokenserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/tokenserver"
)

// What a request or a credential's error says shows in the answer and in the log, and does nothing there.
func TestHostileTexts(t *testing.T) {
	said := 0
	for name, text := range testbed.Hostile {
		for position, put := range map[string]func(*http.Request, *source){
			"resource": func(r *http.Request, _ *source) {
				r.URL.RawQuery = "api-version=2019-08-01&resource=" + url.QueryEscape(text)
			},
			"api-version":      func(r *http.Request, _ *source) { r.URL.RawQuery = "resource=x&api-version=" + url.QueryEscape(text) },
			"client_id":        func(r *http.Request, _ *source) { r.URL.RawQuery += "&client_id=" + url.QueryEscape(text) },
			"object_id":        func(r *http.Request, _ *source) { r.URL.RawQuery += "&object_id=" + url.QueryEscape(text) },
			"query":            func(r *http.Request, _ *source) { r.URL.RawQuery = text },
			"path":             func(r *http.Request, _ *source) { r.URL.Path = text },
			"host":             func(r *http.Request, _ *source) { r.Host = text },
			"method":           func(r *http.Request, _ *source) { r.Method = text },
			"secret":           func(r *http.Request, _ *source) { r.Header.Set("X-IDENTITY-HEADER", text) },
			"credential":       func(_ *http.Request, s *source) { s.fail(errors.New(text)) },
			"credential, long": func(_ *http.Request, s *source) { s.fail(fmt.Errorf("%01190d%s: %w", 0, text, context.Canceled)) },
		} {
			t.Run(position+" "+name, func(t *testing.T) {
				cred := &source{}
				var logged bytes.Buffer
				handler, err := tokenserver.New(cred, &tokenserver.Options{ClientID: clientID, ErrorLog: log.New(&logged, "azoidc: ", 0)})
				require.NoError(t, err)
				r := newRequest(handler.Env(endpoint), vault)
				put(r, cred)
				a := serve(t, handler, r)
				testbed.RequireHarmless(t, a.text)
				message, _ := a.body["message"].(string)
				testbed.RequireHarmless(t, message)
				testbed.RequireHarmless(t, logged.String())
				said++
			})
		}
		handler, _ := newHandler(t, (&source{}).fail(errors.New(text)))
		err := handler.Preload(t.Context(), "https://vault.azure.net/.default", text)
		testbed.RequireHarmless(t, err.Error())
		require.Contains(t, err.Error(), testbed.HostileMark)
	}
	require.Greater(t, said, 300)
}

// The same of the other protocols.
func TestHostileTextsOfOtherProtocols(t *testing.T) {
	said := 0
	for name, text := range testbed.Hostile {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		for position, ask := range map[string]func(env map[string]string, fail func(error)) *http.Request{
			"2018, client_id": func(env map[string]string, _ func(error)) *http.Request {
				r := newTerraformRequest(with(env, "ARM_MSI_API_VERSION", "2018-02-01"))
				r.URL.RawQuery += "&client_id=" + url.QueryEscape(text)
				return r
			},
			"2018, credential": func(env map[string]string, fail func(error)) *http.Request {
				fail(errors.New(text))
				return newTerraformRequest(with(env, "ARM_MSI_API_VERSION", "2018-02-01"))
			},
			"azd, scope": func(env map[string]string, fail func(error)) *http.Request {
				fail(errors.New("no luck"))
				return newAzdRequest(env, fmt.Sprintf(`{"scopes":[%s]}`, quoted))
			},
			"azd, tenant": func(env map[string]string, fail func(error)) *http.Request {
				fail(errors.New("no luck"))
				return newAzdRequest(env, fmt.Sprintf(`{"scopes":["s"],"tenantId":%s}`, quoted))
			},
			"azd, body": func(env map[string]string, _ func(error)) *http.Request { return newAzdRequest(env, text) },
			"azd, version": func(env map[string]string, _ func(error)) *http.Request {
				r := newAzdRequest(env, "{}")
				r.URL.RawQuery = "api-version=" + url.QueryEscape(text)
				return r
			},
			"azd, credential": func(env map[string]string, fail func(error)) *http.Request {
				fail(errors.New(text))
				return newAzdRequest(env, `{"scopes":["s"]}`)
			},
			"OIDC, audience": func(env map[string]string, _ func(error)) *http.Request { return newOIDCRequest(env, text) },
			"OIDC, query": func(env map[string]string, _ func(error)) *http.Request {
				r := newOIDCRequest(env, entra)
				r.URL.RawQuery = text
				return r
			},
			"OIDC, assertion": func(env map[string]string, fail func(error)) *http.Request {
				fail(errors.New(text))
				return newOIDCRequest(env, entra)
			},
		} {
			t.Run(position+" "+name, func(t *testing.T) {
				cred := &source{}
				var failure error
				var logged bytes.Buffer
				handler, err := tokenserver.New(cred, &tokenserver.Options{ErrorLog: log.New(&logged, "azoidc: ", 0), Audiences: []string{entra},
					Assertion: func(context.Context, string) (string, error) { return theOIDC, failure }})
				require.NoError(t, err)
				a := serve(t, handler, ask(handler.Env(endpoint), func(err error) {
					failure = err
					cred.fail(err)
				}))
				testbed.RequireHarmless(t, a.text)
				for _, member := range []string{"error_description", "message", "errorMessage"} {
					message, _ := a.body[member].(string)
					testbed.RequireHarmless(t, message)
				}
				testbed.RequireHarmless(t, logged.String())
				said++
			})
		}
		_, err = tokenserver.New(&source{}, &tokenserver.Options{Identities: []tokenserver.Identity{{Name: text, Credential: &source{}}}})
		testbed.RequireHarmless(t, err.Error())
	}
	require.Greater(t, said, 300)
}

func (s *source) fail(err error) *source {
	s.get = func(context.Context) (azcore.AccessToken, error) { return azcore.AccessToken{}, err }
	return s
}
