package acceptance_test

import (
	"context"
	"net"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// eventHubs sends batches over AMQP, and never asks for CAE.
var eventHubs = client{
	name:  "azeventhubs",
	amqp:  true,
	scope: azoidc.ScopeEventHubs,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		b := &broker{network: n, service: n.cloud.Service("https://eventhubs.azure.net/"), host: "hubs.servicebus.windows.net"}
		producer, err := azeventhubs.NewProducerClient(b.host, "hub", cred, &azeventhubs.ProducerClientOptions{
			NewWebSocketConn: func(context.Context, azeventhubs.WebSocketConnParams) (net.Conn, error) { return b.dial(), nil },
		})
		require.NoError(t, err)
		t.Cleanup(func() { _ = producer.Close(context.Background()) })
		return b.service, func(ctx context.Context) error {
			batch, err := producer.NewEventDataBatch(ctx, nil)
			if err != nil {
				return err
			}
			if err := batch.AddEventData(&azeventhubs.EventData{Body: []byte("octo")}, nil); err != nil {
				return err
			}
			return producer.SendEventDataBatch(ctx, batch, nil)
		}
	},
}
