package acceptance_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// A client is one of the SDK's, with the service it is for.
type client struct {
	name  string
	scope string // that it asks for
	cae   bool   // it asks for CAE tokens, and answers claims challenges
	amqp  bool   // it puts a token on its connection, and renews it 10 minutes before the end, after 2 minutes at the least

	// open starts the service in the network and makes a client for it. The returned call is a request to the service
	// that fails unless the service did what was asked of it.
	open func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call)
}

type call func(context.Context) error

// clients are all that the tests run.
var clients = []client{
	resourceManager,
	storage,
	keyVault,
	graph,
	serviceBus,
	serviceBusAdmin,
	eventHubs,
	containerRegistry,
	kusto,
}

// opened is a client at work.
type opened struct {
	client
	service *azoidctest.Service
	call    call
}

func openAll(t testing.TB, n *network, cred azcore.TokenCredential) []opened {
	t.Helper()
	all := make([]opened, 0, len(clients))
	for _, c := range clients {
		service, call := c.open(t, n, cred)
		all = append(all, opened{c, service, call})
	}
	return all
}

// logTable tells what a credential did for its clients. Those with the same scope share its exchanges.
func logTable(t *testing.T, n *network, credential string, all []opened) {
	t.Helper()
	var table strings.Builder
	for _, c := range all {
		exchanges := 0
		for _, request := range n.cloud.Requests(azoidctest.EntraToken) {
			require.Equal(t, http.StatusOK, request.Status)
			if strings.Contains(request.Scope, c.scope) { // MSAL adds some
				exchanges++
			}
		}
		require.NotZero(t, exchanges, c.name)
		require.NotZero(t, c.service.Hits(), c.name)
		fmt.Fprintf(&table, "%-30s %-48s ok %5d let in %3d exchanges\n", c.name, c.scope, c.service.Hits(), exchanges)
	}
	t.Logf("%s\n%s", credential, &table)
}

// elsewhere gets tokens for another service than it's asked for.
type elsewhere struct{ azcore.TokenCredential }

func (e elsewhere) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	options.Scopes = []string{"https://elsewhere.example/.default"}
	return e.TokenCredential.GetToken(ctx, options)
}

// TestServicesDemandTheirOwnTokens: a call that succeeds has presented a token for its service.
func TestServicesDemandTheirOwnTokens(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := inMemory(azoidctest.New(nil))
				service, call := c.open(t, n, elsewhere{newGitHub(t, n)})

				require.Error(t, call(t.Context()))

				require.Zero(t, service.Hits())
				require.NotZero(t, service.Refusals())
			})
		})
	}
}
