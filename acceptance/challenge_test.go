package acceptance_test

import (
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// nbf is the essential part of a challenge's claims; MSAL adds the client's capabilities.
var nbf = regexp.MustCompile(`"nbf":\{[^}]*\}`)

// TestRevokedTokensAreReplaced: a service revokes its tokens and challenges; the client's call succeeds, after one
// exchange, and so do the calls that follow, without another.
func TestRevokedTokensAreReplaced(t *testing.T) {
	for _, source := range ours {
		for _, c := range clients {
			if !c.cae {
				continue
			}
			t.Run(source.name+"/"+c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := inMemory(azoidctest.New(nil))
					service, call := c.open(t, n, source.make(t, n))
					require.NoError(t, call(t.Context()))
					n.cloud.Reset()
					time.Sleep(time.Second)
					claims := service.Revoke()

					require.NoError(t, call(t.Context()))
					require.NoError(t, call(t.Context()))

					exchanges := n.cloud.Requests(azoidctest.EntraToken)
					require.Len(t, exchanges, 1)
					require.Contains(t, exchanges[0].Form.Get("claims"), nbf.FindString(claims), "what the challenge asked for")
					require.Equal(t, 1, n.cloud.Count(source.leg))
				})
			})
		}
	}
}

// TestClientsShareTheAnswerToAChallenge: as many clients as there are, challenged at once, make one exchange.
func TestClientsShareTheAnswerToAChallenge(t *testing.T) {
	const sharers = 16
	for _, source := range ours {
		t.Run(source.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := inMemory(azoidctest.New(nil))
				n.cloud.SetLatency(100 * time.Millisecond)
				cred := source.make(t, n)
				calls := make([]call, sharers)
				var service *azoidctest.Service
				for i := range calls {
					service, calls[i] = resourceManager.open(t, n, cred)
					require.NoError(t, calls[i](t.Context()))
				}
				require.Equal(t, 1, n.cloud.Count(azoidctest.EntraToken))
				n.cloud.Reset()
				service.Revoke()

				done := make(chan error, sharers)
				for _, call := range calls {
					go func() { done <- call(t.Context()) }()
				}
				for range calls {
					assert.NoError(t, <-done)
				}

				require.Equal(t, 1, n.cloud.Count(azoidctest.EntraToken))
			})
		})
	}
}
