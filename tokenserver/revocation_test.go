package tokenserver_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/tokenserver"
)

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
