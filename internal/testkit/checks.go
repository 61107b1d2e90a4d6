package testkit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// RequireNewAssertions checks that nothing was posted twice, and nothing but what the source had issued.
func RequireNewAssertions(t *testing.T, cloud *azoidctest.Cloud, s System) {
	t.Helper()
	issued, posted := map[string]bool{}, map[string]bool{}
	for _, request := range cloud.Requests(s.Leg) {
		if request.Assertion != nil {
			issued[request.Assertion.Raw] = true
		}
	}
	for _, request := range cloud.Requests(azoidctest.EntraToken) {
		jwt := request.Form.Get("client_assertion")
		require.True(t, issued[jwt], "posted what was never issued")
		require.False(t, posted[jwt], "posted an assertion twice")
		posted[jwt] = true
	}
}

// RequireNoSecretLogged checks lines of azcore's log.
func RequireNoSecretLogged(t *testing.T, lines string, cloud *azoidctest.Cloud) {
	t.Helper()
	for _, secret := range SecretsOf(cloud) {
		require.False(t, secret != "" && strings.Contains(lines, secret), "a secret in the log")
	}
}

// RequireChainGoesOn shows that azidentity's own chain takes the next credential after cred.
func RequireChainGoesOn(t *testing.T, cred azcore.TokenCredential) {
	t.Helper()
	chain, err := azidentity.NewChainedTokenCredential([]azcore.TokenCredential{cred, &FakeCredential{Life: 1 << 40}}, nil)
	require.NoError(t, err)
	require.Equal(t, "token 1", Get(t, chain, VaultScope).Token)
}

// RefusedWith lets Entra refuse with a code and returns the error.
func RefusedWith(t *testing.T, cloud *azoidctest.Cloud, fault azoidctest.Fault) *azoidc.ExchangeError {
	t.Helper()
	cloud.Fail(azoidctest.EntraToken, fault)
	_, err := NewGitHub(t, cloud).GetToken(t.Context(), ForScope(VaultScope))
	var refused *azoidc.ExchangeError
	require.ErrorAs(t, fmt.Errorf("deploy: %w", err), &refused, "through any wrapping")
	return refused
}
