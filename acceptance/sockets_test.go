package acceptance_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// TestClientsOverSockets is each client with each credential over TLS; a token lives for seconds, so that it is renewed
// too. Its log is the table of what was done.
func TestClientsOverSockets(t *testing.T) {
	const life = 2 * time.Second
	for _, source := range ours {
		t.Run(source.name, func(t *testing.T) {
			server := azoidctest.NewServer(&azoidctest.Options{AccessTokenLifetime: life})
			defer server.Close()
			n := overSockets(server)
			all := openAll(t, n, source.make(t, n))
			all = slices.DeleteFunc(all, func(c opened) bool { return c.amqp }) // for which the tokens are too short
			for start := time.Now(); time.Since(start) < 2*life; time.Sleep(life / 8) {
				callAll(t, all)
			}
			require.Greater(t, n.cloud.Count(azoidctest.EntraToken), len(all), "tokens were renewed")
			logTable(t, n, source.name, all)
		})
	}
}
