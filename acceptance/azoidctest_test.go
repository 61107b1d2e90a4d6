package acceptance_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	kiotaauth "github.com/microsoft/kiota-authentication-azure-go"
	kiotahttp "github.com/microsoft/kiota-http-go"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// TestLocalAzure: the SDK's clients, made as for the real cloud, find their services in azoidctest, and what they put there
// they get back.
func TestLocalAzure(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		cloud := azoidctest.New(nil)
		useLocalAzure(t, cloud, cloud.ClientOptions())
	})
	t.Run("over sockets", func(t *testing.T) {
		server := azoidctest.NewServer(nil)
		defer server.Close()
		useLocalAzure(t, server.Cloud, server.ClientOptions())
	})
}

func useLocalAzure(t *testing.T, cloud *azoidctest.Cloud, options azcore.ClientOptions) {
	t.Helper()
	for name, value := range cloud.GitHubJob(nil).Env() {
		t.Setenv(name, value)
	}
	options.Retry = policy.RetryOptions{MaxRetries: -1}
	cred, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: options},
	})
	require.NoError(t, err)
	useResourceManager(t, cloud, cred, options)
	useKeyVault(t, cred, options)
	useBlobStorage(t, cred, options)
	useGraph(t, cloud, cred, options)
	require.Equal(t, 4, cloud.Count(azoidctest.EntraToken), "one token a service")
	require.Equal(t, 1, cloud.Service("https://vault.azure.net").Refusals(), "the challenge")
}

func useResourceManager(t *testing.T, cloud *azoidctest.Cloud, cred azcore.TokenCredential, options azcore.ClientOptions) {
	t.Helper()
	groups, err := armresources.NewResourceGroupsClient(cloud.SubscriptionID(), cred, &arm.ClientOptions{ClientOptions: options})
	require.NoError(t, err)
	_, err = groups.CreateOrUpdate(t.Context(), "Octo", armresources.ResourceGroup{Location: to.Ptr("westeurope")}, nil)
	require.NoError(t, err)
	exists, err := groups.CheckExistence(t.Context(), "octo", nil)
	require.NoError(t, err)
	require.True(t, exists.Success)
	names := func() (names []string) {
		for pager := groups.NewListPager(nil); pager.More(); {
			page, err := pager.NextPage(t.Context())
			require.NoError(t, err)
			for _, group := range page.Value {
				names = append(names, *group.Name)
			}
		}
		return names
	}
	require.Equal(t, []string{"Octo"}, names())
	deletion, err := groups.BeginDelete(t.Context(), "Octo", nil)
	require.NoError(t, err)
	_, err = deletion.PollUntilDone(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, names())

	_, err = groups.Get(t.Context(), "Octo", nil)
	requireCode(t, err, http.StatusNotFound, "ResourceGroupNotFound")
	providers, err := armresources.NewProvidersClient(cloud.SubscriptionID(), cred, &arm.ClientOptions{ClientOptions: options})
	require.NoError(t, err)
	_, err = providers.Get(t.Context(), "Microsoft.Web", nil)
	requireCode(t, err, http.StatusNotImplemented, "NotImplemented")
}

func useKeyVault(t *testing.T, cred azcore.TokenCredential, options azcore.ClientOptions) {
	t.Helper()
	secrets, err := azsecrets.NewClient("https://octo.vault.azure.net", cred, &azsecrets.ClientOptions{ClientOptions: options})
	require.NoError(t, err)
	set, err := secrets.SetSecret(t.Context(), "octo", azsecrets.SetSecretParameters{Value: to.Ptr("hidden")}, nil)
	require.NoError(t, err)
	newest, err := secrets.GetSecret(t.Context(), "octo", "", nil)
	require.NoError(t, err)
	require.Equal(t, "hidden", *newest.Value)
	require.Equal(t, set.ID.Version(), newest.ID.Version())
	for pager := secrets.NewListSecretPropertiesPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		require.Len(t, page.Value, 1)
		require.Equal(t, "octo", page.Value[0].ID.Name())
	}
	_, err = secrets.GetSecret(t.Context(), "cat", "", nil)
	requireCode(t, err, http.StatusNotFound, "SecretNotFound")
}

func useBlobStorage(t *testing.T, cred azcore.TokenCredential, options azcore.ClientOptions) {
	t.Helper()
	blobs, err := azblob.NewClient("https://octo.blob.core.windows.net", cred, &azblob.ClientOptions{ClientOptions: options})
	require.NoError(t, err)
	_, err = blobs.UploadBuffer(t.Context(), "container", "blob", []byte("content"), nil)
	requireCode(t, err, http.StatusNotFound, "ContainerNotFound")
	_, err = blobs.CreateContainer(t.Context(), "container", nil)
	require.NoError(t, err)
	_, err = blobs.UploadBuffer(t.Context(), "container", "folder/blob", []byte("content"), nil)
	require.NoError(t, err)
	buffer := make([]byte, len("content"))
	_, err = blobs.DownloadBuffer(t.Context(), "container", "folder/blob", buffer, nil)
	require.NoError(t, err)
	require.Equal(t, "content", string(buffer))
	for pager := blobs.NewListBlobsFlatPager("container", nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		require.Len(t, page.Segment.BlobItems, 1)
		require.Equal(t, "folder/blob", *page.Segment.BlobItems[0].Name)
		require.Equal(t, int64(7), *page.Segment.BlobItems[0].Properties.ContentLength)
	}
}

// useGraph has kiota's provider of tokens, and its middleware.
func useGraph(t *testing.T, cloud *azoidctest.Cloud, cred azcore.TokenCredential, options azcore.ClientOptions) {
	t.Helper()
	const url = "https://graph.microsoft.com/v1.0/organization"
	provider, err := kiotaauth.NewAzureIdentityAccessTokenProvider(cred)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	token, err := provider.GetAuthorizationToken(t.Context(), request.URL, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: kiotahttp.NewCustomTransportWithParentTransport(roundTripper{options.Transport}, kiotahttp.GetDefaultMiddlewares()...)}
	response, err := client.Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 1, cloud.Service("https://graph.microsoft.com").Hits())
}

type roundTripper struct{ policy.Transporter }

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r.Do(request) }

func requireCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	var response *azcore.ResponseError
	require.ErrorAs(t, err, &response)
	require.Equal(t, status, response.StatusCode)
	require.Equal(t, code, response.ErrorCode)
}

// TestHostsThatAreNotThere fail at once, with the SDK's usual retries.
func TestHostsThatAreNotThere(t *testing.T) {
	cloud := azoidctest.New(nil)
	for name, value := range cloud.GitHubJob(nil).Env() {
		t.Setenv(name, value)
	}
	cred, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
	})
	require.NoError(t, err)
	blobs, err := azblob.NewClient("https://octo.dfs.core.windows.net", cred, &azblob.ClientOptions{ClientOptions: cloud.ClientOptions()})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // azcore would wait longer before it asks again
	defer cancel()
	_, err = blobs.CreateContainer(ctx, "container", nil)
	require.ErrorContains(t, err, "azoidctest serves nothing at octo.dfs.core.windows.net; see Cloud.Handle")
}
