package acceptance_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// TestPreloadedClientsOutliveAnOutage: once the clients' tokens are there, the OIDC endpoint and Entra's go down, and
// each client works on for the tokens' whole life. After it, the error says why; and when the endpoints are back, so are
// the clients.
func TestPreloadedClientsOutliveAnOutage(t *testing.T) {
	outages := map[string]azoidctest.Fault{
		"503":   azoidctest.Status(http.StatusServiceUnavailable, nil, "down"),
		"reset": azoidctest.Drop(),
	}
	for _, source := range ours {
		for outage, fault := range outages {
			t.Run(source.name+"/"+outage, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := hourLong()
					cred := source.make(t, n)
					all := openAll(t, n, cred)
					preload(t, cred, all)
					end := time.Now().Add(time.Hour)
					n.cloud.Reset()
					takeDown(n, fault)

					for time.Until(end) > 2*time.Minute {
						callAll(t, all)
						time.Sleep(time.Minute)
					}
					time.Sleep(time.Until(end.Add(-10 * time.Second)))
					callAtOnce(t, all)
					require.Zero(t, succeeded(n, source.leg), "the endpoints were down")

					time.Sleep(time.Until(end.Add(time.Second)))
					for _, c := range all {
						requireUnavailable(t, c, source.source)
					}

					n.cloud.Mend()
					time.Sleep(5 * time.Minute)                                               // of back-off, the clients' own included
					callAll(t, slices.DeleteFunc(all, func(c opened) bool { return c.amqp })) // whose links a refusal ends for good
				})
			})
		}
	}
}

// TestOutageWhenTokensAreDue takes the endpoints down for as long as the tokens of an hour are due to be renewed, until
// 2 minutes before their end. No client notices, with this library's credentials; how many calls fail with azidentity's
// is in the log. There the clients that renew tokens in the background are left out: the mutex that azidentity holds over
// the network would keep virtual time from passing.
func TestOutageWhenTokensAreDue(t *testing.T) {
	for _, source := range ours {
		t.Run(source.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := hourLong()
				calls, failed := callThroughOutage(t, n, openAll(t, n, source.make(t, n)))
				t.Logf("%d calls, %d failed", calls, failed)
				require.Zero(t, failed)
			})
		})
	}
	t.Run("azidentity", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := hourLong()
			all := slices.DeleteFunc(openAll(t, n, newAzidentity(t, n)), func(c opened) bool { return c.amqp })
			calls, failed := callThroughOutage(t, n, all)
			t.Logf("%d calls, %d failed", calls, failed)
		})
	})
}

func hourLong() *network {
	return inMemory(azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour}))
}

func callThroughOutage(t *testing.T, n *network, all []opened) (calls, failed int) {
	down := time.AfterFunc(40*time.Minute, func() { takeDown(n, azoidctest.Status(http.StatusServiceUnavailable, nil, "down")) })
	up := time.AfterFunc(58*time.Minute, func() { n.cloud.Mend() })
	defer down.Stop()
	defer up.Stop()
	for end := time.Now().Add(2 * time.Hour); time.Now().Before(end); time.Sleep(time.Minute) {
		for _, c := range all {
			calls++
			if err := c.call(t.Context()); err != nil {
				failed++
			}
		}
	}
	return calls, failed
}

// TestSixHours is a job of six hours whose clients call once a minute. Its log is the table of what was done.
func TestSixHours(t *testing.T) {
	for _, source := range ours {
		t.Run(source.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := inMemory(azoidctest.New(nil))
				n.cloud.SetLatency(100 * time.Millisecond)
				cred := source.make(t, n)
				all := openAll(t, n, cred)
				preload(t, cred, all)
				calls := 0
				for end := time.Now().Add(6 * time.Hour); time.Now().Before(end); time.Sleep(time.Minute) {
					calls += callAll(t, all)
				}
				exchanges := succeeded(n, azoidctest.EntraToken)
				t.Logf("%d calls by %d clients, 0 errors; %d exchanges, %d OIDC tokens", calls, len(all), exchanges, succeeded(n, source.leg))
				logTable(t, n, source.name, all)
				require.Equal(t, succeeded(n, source.leg), exchanges, "a new OIDC token for every exchange")
				require.LessOrEqual(t, exchanges, len(all)*8, "at most one for 45 minutes of each client")
			})
		})
	}
}

// preload gets the tokens that the clients will ask for, before they do.
func preload(t *testing.T, cred credential, all []opened) {
	t.Helper()
	var scopes []string
	for _, c := range all {
		scopes = append(scopes, c.scope)
	}
	require.NoError(t, cred.Preload(t.Context(), scopes...))
}

func takeDown(n *network, fault azoidctest.Fault) {
	for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC, azoidctest.EntraOpenIDConfiguration, azoidctest.EntraToken} {
		n.cloud.Fail(leg, fault)
	}
}

func callAll(t *testing.T, all []opened) (calls int) {
	t.Helper()
	for _, c := range all {
		assert.NoError(t, c.call(t.Context()), "%s at %s", c.name, time.Now())
	}
	require.False(t, t.Failed())
	return len(all)
}

// callAtOnce is callAll for moments that pass while clients wait.
func callAtOnce(t *testing.T, all []opened) {
	t.Helper()
	errs := make(chan error, len(all))
	for _, c := range all {
		go func() { errs <- c.call(t.Context()) }()
	}
	for range all {
		assert.NoError(t, <-errs)
	}
	require.False(t, t.Failed())
}

// requireUnavailable wants an error that names the source, within the time that an acquisition has. Its text counts: not
// every client wraps errors. Over AMQP, the service's refusal comes first.
func requireUnavailable(t *testing.T, c opened, source string) {
	t.Helper()
	start := time.Now()
	err := c.call(context.WithoutCancel(t.Context()))
	require.Error(t, err, c.name)
	if !c.amqp {
		require.Contains(t, err.Error(), source, c.name)
	}
	require.LessOrEqual(t, time.Since(start), 3*time.Minute, c.name)
}

// succeeded counts the leg's requests that were answered with 200.
func succeeded(n *network, leg azoidctest.Leg) (count int) {
	for _, request := range n.cloud.Requests(leg) {
		if request.Status == http.StatusOK {
			count++
		}
	}
	return count
}
