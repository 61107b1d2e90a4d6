//go:build live

package scenarios_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
)

// live tests need the environment of their job.
const live = true

// The live tests run inside GitHub Actions or Azure Pipelines against the real Microsoft Entra; docs/live.md says how to
// set that up. They fail, rather than pass unseen, where a variable that they need is missing.

var liveFor = flag.Duration("live.for", 10*time.Minute, "how long TestLiveLongJob asks for tokens; longer than an assertion lives")

var liveScopes = []string{azoidc.ScopeResourceManager, azoidc.ScopeKeyVault, azoidc.ScopeStorage, azoidc.ScopeGraph}

// A liveCredential is the credential of whichever CI system this is.
type liveCredential interface {
	azcore.TokenCredential
	Preload(context.Context, ...string) error
	Tokens() []azoidc.TokenStatus
}

func newLive(t *testing.T, clientID string, options azoidc.CredentialOptions, audience string) liveCredential {
	t.Helper()
	if os.Getenv("SYSTEM_OIDCREQUESTURI") != "" {
		cred, err := azoidc.NewAzurePipelinesCredential("", clientID, "", "", &azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options})
		require.NoError(t, err)
		return cred
	}
	cred, err := azoidc.NewGitHubActionsCredential("", clientID, &azoidc.GitHubActionsCredentialOptions{CredentialOptions: options, Audience: audience})
	require.NoError(t, err)
	return cred
}

func liveVariable(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmpty(t, value, "%s isn't set; see docs/live.md", name)
	return value
}

func TestLivePreload(t *testing.T) {
	cred := newLive(t, "", azoidc.CredentialOptions{}, "")
	start := time.Now()
	require.NoError(t, cred.Preload(t.Context(), liveScopes...))
	t.Logf("%d scopes from cold in %s", len(liveScopes), time.Since(start).Round(time.Millisecond))
	for _, token := range cred.Tokens() {
		t.Logf("%s until %s, refreshed from %s", token.Scopes, token.ExpiresOn.Format(time.TimeOnly), token.RefreshOn.Format(time.TimeOnly))
	}
}

// TestLiveLongJob asks once a minute, each time for a scope of its own too, so that an assertion is needed again and again.
func TestLiveLongJob(t *testing.T) {
	cred := newLive(t, "", azoidc.CredentialOptions{}, "")
	for start := time.Now(); time.Since(start) < *liveFor; time.Sleep(time.Minute) {
		for _, scope := range liveScopes {
			asked := time.Now()
			token, err := cred.GetToken(t.Context(), testkit.ForScope(scope))
			require.NoError(t, err, "after %s", time.Since(start).Round(time.Second))
			require.Positive(t, time.Until(token.ExpiresOn))
			if waited := time.Since(asked); waited > 10*time.Millisecond {
				t.Logf("%s: waited %s for %s", time.Since(start).Round(time.Second), waited.Round(time.Millisecond), scope)
			}
		}
		fresh := newLive(t, "", azoidc.CredentialOptions{}, "")
		_, err := fresh.GetToken(t.Context(), testkit.ForScope(azoidc.ScopeResourceManager))
		require.NoError(t, err, "a new assertion after %s", time.Since(start).Round(time.Second))
	}
}

// TestLiveWrongSubject uses an application that has a federated identity credential for another subject.
func TestLiveWrongSubject(t *testing.T) {
	cred := newLive(t, liveVariable(t, "AZOIDC_LIVE_WRONG_SUBJECT_CLIENT_ID"), azoidc.CredentialOptions{ReplicationTimeout: -1}, "")
	_, err := cred.GetToken(t.Context(), testkit.ForScope(azoidc.ScopeResourceManager))
	requireLiveRefusal(t, err, "AADSTS700213")
}

func TestLiveWrongAudience(t *testing.T) {
	if os.Getenv("SYSTEM_OIDCREQUESTURI") != "" {
		return // Azure DevOps chooses the audience itself
	}
	cred := newLive(t, "", azoidc.CredentialOptions{ReplicationTimeout: -1}, "api://azoidc-live-wrong-audience")
	_, err := cred.GetToken(t.Context(), testkit.ForScope(azoidc.ScopeResourceManager))
	requireLiveRefusal(t, err, "AADSTS700212")
}

func requireLiveRefusal(t *testing.T, err error, code string) {
	t.Helper()
	var refused *azoidc.ExchangeError
	require.True(t, errors.As(err, &refused), "%v", err)
	t.Log(err)
	require.Equal(t, code, refused.Code)
	require.Contains(t, err.Error(), refused.Claims.Subject)
	require.Contains(t, err.Error(), "az ad app federated-credential create")
	require.False(t, strings.Contains(err.Error(), "eyJ"), "a token in the error")
}

// TestLiveFreshFederatedCredential uses an application that was given its federated identity credential a moment ago.
func TestLiveFreshFederatedCredential(t *testing.T) {
	cred := newLive(t, liveVariable(t, "AZOIDC_LIVE_FRESH_CLIENT_ID"), azoidc.CredentialOptions{
		ReplicationTimeout: 9 * time.Minute,
		TokenCache:         azoidc.TokenCacheOptions{AcquireTimeout: 10 * time.Minute},
	}, "")
	start := time.Now()
	_, err := cred.GetToken(t.Context(), testkit.ForScope(azoidc.ScopeResourceManager))
	require.NoError(t, err)
	t.Logf("usable after %s", time.Since(start).Round(time.Second))
}
