package acceptance_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/admin"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

const namespaceHost = "octo.servicebus.windows.net"

// serviceBus sends messages over AMQP. Its tokens are for the life of a link, and renewed by the client; it never asks
// for CAE.
var serviceBus = client{
	name:  "azservicebus",
	amqp:  true,
	scope: azoidc.ScopeServiceBus,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		b := &broker{network: n, service: n.cloud.Service("https://servicebus.azure.net/"), host: namespaceHost}
		bus, err := azservicebus.NewClient(namespaceHost, cred, &azservicebus.ClientOptions{
			NewWebSocketConn: func(context.Context, azservicebus.NewWebSocketConnArgs) (net.Conn, error) { return b.dial(), nil },
		})
		require.NoError(t, err)
		sender, err := bus.NewSender("queue", nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = bus.Close(context.Background()) })
		return b.service, func(ctx context.Context) error {
			return sender.SendMessage(ctx, &azservicebus.Message{Body: []byte("octo")}, nil)
		}
	},
}

const namespaceInfo = `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">
<NamespaceInfo xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">
<CreatedTime>2026-01-01T00:00:00Z</CreatedTime><MessagingSKU>Standard</MessagingSKU>
<ModifiedTime>2026-01-01T00:00:00Z</ModifiedTime><Name>octo</Name></NamespaceInfo></content></entry>`

// serviceBusAdmin speaks HTTP, with tokens without a scheme.
var serviceBusAdmin = client{
	name:  "azservicebus/admin",
	scope: azoidc.ScopeServiceBus,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		service := n.serve(namespaceHost, "https://servicebus.azure.net/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/atom+xml")
			_, _ = w.Write([]byte(namespaceInfo))
		})
		n.fronts[namespaceHost] = addScheme(n.fronts[namespaceHost])
		administration, err := admin.NewClient(namespaceHost, cred, &admin.ClientOptions{ClientOptions: n.clientOptions()})
		require.NoError(t, err)
		return service, func(ctx context.Context) error {
			_, err := administration.GetNamespaceProperties(ctx, nil)
			return err
		}
	},
}

func addScheme(next front) front {
	return func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+r.Header.Get("Authorization"))
		return next(r)
	}
}
