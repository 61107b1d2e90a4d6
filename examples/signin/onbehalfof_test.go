package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

func newServer(cloud *azoidctest.Cloud) *server {
	return &server{
		application: oidcTokens(cloud), // any source of the application's own assertions
		options:     &azoidc.OnBehalfOfCredentialOptions{CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()}},
	}
}

func (s *server) answer(userToken string) int {
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+userToken)
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder.Code
}

func (s *server) held() (n int) {
	s.users.Range(func(any, any) bool { n++; return true })
	return n
}

// Each user's token is exchanged once, whoever else calls, and forgotten when it ends.
func TestOneCredentialForEachUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		t.Setenv("AZURE_CLIENT_ID", cloud.ClientID())
		s := newServer(cloud)
		users := []string{cloud.UserAssertion(30 * time.Minute), cloud.UserAssertion(time.Hour)}
		for range 3 {
			for _, user := range users {
				require.Equal(t, http.StatusOK, s.answer(user))
			}
		}
		exchanges := cloud.Requests(azoidctest.EntraToken)
		require.Len(t, exchanges, 2)
		for i, user := range users {
			require.Equal(t, user, exchanges[i].Form.Get("assertion"))
		}
		require.Equal(t, 2, s.held())
		time.Sleep(31 * time.Minute)
		require.Equal(t, 1, s.held())
		time.Sleep(31 * time.Minute)
		require.Zero(t, s.held())
	})
}

func TestRefused(t *testing.T) {
	cloud := testkit.NewCloud()
	t.Setenv("AZURE_CLIENT_ID", cloud.ClientID())
	s := newServer(cloud)
	for name, userToken := range map[string]string{"none": "", "no JWT": "octocat", "ended": cloud.UserAssertion(-time.Hour)} {
		require.Equal(t, http.StatusBadGateway, s.answer(userToken), name)
	}
}
