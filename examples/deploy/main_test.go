package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// TestMain makes the tests run as outside CI.
func TestMain(m *testing.M) {
	for _, name := range []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_ACTIONS",
		"SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "TF_BUILD",
		"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST",
		"AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
	} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// result is what a run of the program leaves behind.
type result struct {
	status         int
	stdout, stderr string
}

func deploy(t *testing.T, client azcore.ClientOptions, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, &stdout, &stderr, client)
	return result{status, stdout.String(), stderr.String()}
}

func TestNothingSet(t *testing.T) {
	t.Parallel()
	r := deploy(t, azcore.ClientOptions{})
	require.Zero(t, r.status, r.stderr)
	require.Empty(t, r.stderr)
	require.Regexp(t, `\nToday, both .+ AADSTS700024 after .+ steps.+\nWith azoidc, both finished all steps, on .+ OIDC tokens, without an error.+\n$`, r.stdout)
}

func TestArguments(t *testing.T) {
	for _, test := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string
	}{
		{"help", []string{"-h"}, 0, "-scope SCOPE", ""},
		{"long help", []string{"--help"}, 0, defaultScope, ""},
		{"unknown flag", []string{"-x"}, 2, "", "-x"},
		{"argument", []string{"now"}, 2, "", `"now"`},
		{"empty scope", []string{"-scope", " "}, 2, "", "a scope is not empty"},
		{"scope outside CI", []string{"-scope", defaultScope}, 2, "", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := deploy(t, azcore.ClientOptions{}, test.args...)
			require.Equal(t, test.status, r.status)
			requireText(t, test.stdout, r.stdout)
			requireText(t, test.stderr, r.stderr)
		})
	}
}

// requireText wants nothing where part is empty.
func requireText(t *testing.T, part, whole string) {
	t.Helper()
	if part == "" {
		require.Empty(t, whole)
	}
	require.Contains(t, whole, part)
}

// requireNoSecret wants none of the tokens that the cloud ever saw in any of the texts.
func requireNoSecret(t *testing.T, cloud *azoidctest.Cloud, texts ...string) {
	t.Helper()
	for secret := range secrets(t, cloud) {
		for _, text := range texts {
			require.NotContains(t, text, secret)
		}
	}
}

// secrets are OIDC tokens, access tokens and what OIDC tokens are requested with.
func secrets(t *testing.T, cloud *azoidctest.Cloud) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, r := range cloud.Requests() {
		for _, claims := range []*azoidctest.Claims{r.Assertion, r.AccessToken} {
			if claims != nil {
				all[claims.Raw] = true
			}
		}
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
			all[token] = true
		}
	}
	require.NotEmpty(t, all)
	return all
}
