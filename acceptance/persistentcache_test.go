package acceptance_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity/cache"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// openPersistentCache opens azidentity's persistent cache, in XDG_CACHE_HOME where the system keeps it in files. On
// Linux its key is in the kernel's keyring, which containers may forbid: then there is nothing to test.
func openPersistentCache(t *testing.T) azidentity.Cache {
	t.Helper()
	persistent, err := cache.New(&cache.Options{Name: "azoidc-acceptance"})
	if err != nil {
		t.Skip(err)
	}
	return persistent
}

// TestTwoProcessesMakeOneExchange: the second finds in the persistent cache what the first acquired.
func TestTwoProcessesMakeOneExchange(t *testing.T) {
	if os.Getenv("ACCEPTANCE_PROCESS") != "" {
		actAsProcess(t)
		return
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	openPersistentCache(t)
	server := azoidctest.NewServer(nil)
	defer server.Close()
	env := jobEnv(t, server, server.GitHubJob(nil).Env(), "ACCEPTANCE_CERTIFICATE")
	env["XDG_CACHE_HOME"] = os.Getenv("XDG_CACHE_HOME")
	env["ACCEPTANCE_PROCESS"] = "1"

	first, second := runProcess(t, env), runProcess(t, env)

	require.NotEmpty(t, first)
	require.Equal(t, first, second)
	require.Equal(t, 1, server.Count(azoidctest.EntraToken))
	require.Equal(t, 1, server.Count(azoidctest.GitHubOIDC))
}

// runProcess runs this test in another process and returns the token it got.
func runProcess(t *testing.T, env map[string]string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoProcessesMakeOneExchange$", "-test.v")
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	printed, err := command.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	_, token, _ := strings.Cut(string(printed), "token: ")
	token, _, _ = strings.Cut(token, "\n")
	return token
}

func actAsProcess(t *testing.T) {
	certificate, err := os.ReadFile(os.Getenv("ACCEPTANCE_CERTIFICATE"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certificate))
	cred, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{CredentialOptions: azoidc.CredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST")},
			Transport: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
		},
		DisableInstanceDiscovery: true,
		Cache:                    openPersistentCache(t),
	}})
	require.NoError(t, err)
	token, err := tokenOf(cred)(t.Context(), azoidc.ScopeKeyVault)
	require.NoError(t, err)
	fmt.Println("token: " + token)
}

// TestNoBusyLoopOnAPersistentCache: until 5 minutes before a token's end, MSAL takes it from the cache again when it is
// asked for a new one. A program that asks every second makes no more than a few such attempts for each token.
func TestNoBusyLoopOnAPersistentCache(t *testing.T) {
	const hours = 3
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	persistent := openPersistentCache(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		job := cloud.GitHubJob(nil)
		inner, err := azidentity.NewClientAssertionCredential(cloud.TenantID(), cloud.ClientID(),
			azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken}),
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: cloud.ClientOptions(), Cache: persistent})
		require.NoError(t, err)
		wrapped := &recorder{TokenCredential: inner}
		own := newGitHubWithCache(t, cloud, persistent)

		for name, cred := range map[string]azcore.TokenCredential{"wrapped": azoidc.NewTokenCache(wrapped, nil), "own": own} {
			cloud.Reset()
			for end := time.Now().Add(hours * time.Hour); time.Now().Before(end); time.Sleep(time.Second) {
				_, err := tokenOf(cred)(context.Background(), azoidc.ScopeKeyVault)
				require.NoError(t, err)
			}
			exchanges := cloud.Count(azoidctest.EntraToken)
			t.Logf("%s: %d exchanges in %d hours", name, exchanges, hours)
			require.LessOrEqual(t, exchanges, hours+2)
		}
		t.Logf("asked azidentity's credential %d times", len(wrapped.requests()))
		require.LessOrEqual(t, len(wrapped.requests()), 3*(hours+1))
	})
}

// TestInvalidateAsksEntraDespiteAPersistentCache, which would bring the forgotten token back.
func TestInvalidateAsksEntraDespiteAPersistentCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	persistent := openPersistentCache(t)
	cloud := azoidctest.New(nil)
	cred := newGitHubWithCache(t, cloud, persistent)
	first, err := tokenOf(cred)(t.Context(), azoidc.ScopeKeyVault)
	require.NoError(t, err)

	cred.InvalidateAll()
	second, err := tokenOf(cred)(t.Context(), azoidc.ScopeKeyVault)

	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.Equal(t, 2, cloud.Count(azoidctest.EntraToken))
}

func newGitHubWithCache(t *testing.T, cloud *azoidctest.Cloud, persistent azidentity.Cache) *azoidc.GitHubActionsCredential {
	t.Helper()
	job := cloud.GitHubJob(nil)
	options := azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions(), Cache: persistent}
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: options, RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
	require.NoError(t, err)
	return cred
}
