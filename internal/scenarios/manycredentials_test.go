package scenarios_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

const requestURL, requestToken, authority = "TEST_REQUEST_URL", "TEST_REQUEST_TOKEN", "TEST_AUTHORITY"

// TestManyCredentialsReadADocumentOnce: a server on behalf of many users makes a credential for each, and a user's first token
// isn't to cost a round trip more than the next. It is for those that ask through the default transport, without policies, so
// another process has to trust the local cloud.
func TestManyCredentialsReadADocumentOnce(t *testing.T) {
	testbed.NotShort(t, "starts a program")
	if os.Getenv(authority) != "" {
		makeManyCredentials(t)
		return
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("Go reads SSL_CERT_FILE on other systems only")
	}
	server := azoidctest.NewServer(&azoidctest.Options{KeyBits: testkit.KeyBits})
	t.Cleanup(server.Close)
	job := server.GitHubJob(nil)
	certificate := filepath.Join(t.TempDir(), "certificate.pem")
	require.NoError(t, os.WriteFile(certificate, server.CertificatePEM(), 0o600))
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), "SSL_CERT_FILE="+certificate, "SSL_CERT_DIR=", requestURL+"="+job.RequestURL, requestToken+"="+job.RequestToken,
		authority+"="+server.URL, "TEST_TENANT="+server.TenantID(), "TEST_CLIENT="+server.ClientID())
	printed, err := command.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	require.Equal(t, 6, server.Count(azoidctest.EntraToken))
	require.Equal(t, 3, server.Count(azoidctest.EntraOpenIDConfiguration), "once for all, and once for each with a policy")
}

func makeManyCredentials(t *testing.T) {
	for i := range 6 {
		options := azoidc.CredentialOptions{DisableInstanceDiscovery: true, ClientOptions: azcore.ClientOptions{
			Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: os.Getenv(authority)}}}
		if i >= 4 {
			options.PerCallPolicies = []policy.Policy{goesOn{}}
		}
		if i == 5 {
			options.PerRetryPolicies = []policy.Policy{goesOn{}}
		}
		cred, err := azoidc.NewGitHubActionsCredential(os.Getenv("TEST_TENANT"), os.Getenv("TEST_CLIENT"), &azoidc.GitHubActionsCredentialOptions{
			CredentialOptions: options, RequestURL: os.Getenv(requestURL), RequestToken: os.Getenv(requestToken)})
		require.NoError(t, err)
		testkit.Get(t, cred, testkit.VaultScope)
	}
}

// goesOn is a policy that does nothing.
type goesOn struct{}

func (goesOn) Do(req *policy.Request) (*http.Response, error) { return req.Next() }
