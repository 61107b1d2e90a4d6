package acceptance_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// storage uploads: a challenged request has a body to send again.
var storage = client{
	name:  "azblob",
	scope: azoidc.ScopeStorage,
	cae:   true,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		const host = "octo.blob.core.windows.net"
		service := n.serve(host, "https://storage.azure.com", func(w http.ResponseWriter, r *http.Request) {
			if body, err := readAll(r); err != nil || string(body) != "content" {
				writeJSON(w, http.StatusBadRequest, "{}")
				return
			}
			w.WriteHeader(http.StatusCreated)
		})
		blobs, err := azblob.NewClient("https://"+host, cred, &azblob.ClientOptions{ClientOptions: n.clientOptions()})
		require.NoError(t, err)
		return service, func(ctx context.Context) error {
			_, err := blobs.UploadBuffer(ctx, "container", "blob", []byte("content"), nil)
			return err
		}
	},
}
