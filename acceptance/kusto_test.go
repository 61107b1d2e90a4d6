package acceptance_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

const (
	clusterHost = "octo.westeurope.kusto.windows.net"
	tables      = `{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"TableName","DataType":"String","ColumnType":"string"}],"Rows":[["octo"]]}]}`
	// metadata is what a cluster of the public cloud tells about itself, to anyone.
	metadata = `{"AzureAD":{"LoginEndpoint":"https://login.microsoftonline.com","LoginMfaRequired":false,
		"KustoClientAppId":"db662dc1-0cfe-4e1c-a843-19a68e65be58","KustoClientRedirectUri":"https://microsoft/kustoclient",
		"KustoServiceResourceId":"` + kustoResource + `"}}`
)

// kusto's client takes the resource from the cluster's metadata, and doesn't ask for CAE.
var kusto = client{
	name:  "azkustodata",
	scope: azoidc.ScopeKusto("https://" + clusterHost),
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		service := n.serve(clusterHost, kustoResource, func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, tables)
		})
		n.fronts[clusterHost] = clusterMetadata(n.fronts[clusterHost])
		cluster, err := azkustodata.New(azkustodata.NewConnectionStringBuilder("https://"+clusterHost).WithTokenCredential(cred),
			azkustodata.WithHttpClient(&http.Client{Transport: n}))
		require.NoError(t, err)
		return service, func(ctx context.Context) error {
			_, err := cluster.Mgmt(ctx, "octo", kql.New(".show tables"))
			return err
		}
	},
}

func clusterMetadata(next front) front {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/v1/rest/auth/metadata" {
			return answer(r, http.StatusOK, nil, metadata), nil
		}
		return next(r)
	}
}
