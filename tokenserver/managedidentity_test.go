package tokenserver_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// azidentity's own client, with each environment it knows. Its cache is global: every test has resources of its own.
func TestManagedIdentityCredential(t *testing.T) {
	for name, test := range map[string]struct {
		variables []string
		id        azidentity.ManagedIDKind
	}{
		"2019-08-01":                {[]string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER"}, nil},
		"2019-08-01 with client ID": {[]string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER"}, azidentity.ClientID(clientID)},
		"2017-09-01":                {[]string{"MSI_ENDPOINT", "MSI_SECRET"}, nil},
		"2017-09-01 with client ID": {[]string{"MSI_ENDPOINT", "MSI_SECRET"}, azidentity.ClientID(clientID)},
	} {
		t.Run(name, func(t *testing.T) {
			cred := &source{}
			server := start(t, cred)
			for _, variable := range test.variables {
				t.Setenv(variable, server.Env()[variable])
			}
			client, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: test.id})
			require.NoError(t, err)
			resource := rand.Text()
			for _, scope := range []string{
				"https://" + resource + ".example/.default",
				"https://" + resource + ".example//.default",
				"api://" + resource + "/.default",
			} {
				token, err := client.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
				require.NoError(t, err)
				require.Equal(t, theToken, token.Token)
				require.WithinDuration(t, cred.expiry, token.ExpiresOn, time.Second)
				require.Equal(t, scope, cred.scopes()[len(cred.scopes())-1], "the scope survives the way through the resource")
			}
		})
	}
}

func TestManagedIdentityCredentialShowsTheExplanation(t *testing.T) {
	cloud := azoidctest.NewServer(nil)
	defer cloud.Close()
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true})
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{
			ClientOptions: cloud.ClientOptions(), DisableInstanceDiscovery: true, ReplicationTimeout: -1,
		},
		RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
	require.NoError(t, err)
	server := start(t, cred)
	t.Setenv("IDENTITY_ENDPOINT", server.Env()["IDENTITY_ENDPOINT"])
	t.Setenv("IDENTITY_HEADER", server.Env()["IDENTITY_HEADER"])
	client, err := azidentity.NewManagedIdentityCredential(nil)
	require.NoError(t, err)

	_, err = client.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://" + rand.Text() + ".example/.default"}})

	require.ErrorContains(t, err, "az ad app federated-credential create")
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken), "the client doesn't ask again")
}
