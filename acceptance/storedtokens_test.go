package acceptance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	msal "github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

// A memory is where a persistent cache keeps what MSAL writes: as slow, and as broken, as a test wants it.
type memory struct {
	mu     sync.Mutex
	data   []byte
	pause  time.Duration // before each access
	broken atomic.Bool
	writes atomic.Int32
}

var errBroken = errors.New("no space left on device")

func (m *memory) Replace(_ context.Context, into msal.Unmarshaler, _ msal.ReplaceHints) error {
	time.Sleep(m.pause)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.data == nil {
		return nil
	}
	return into.Unmarshal(m.data)
}

func (m *memory) Export(_ context.Context, from msal.Marshaler, _ msal.ExportHints) error {
	if m.broken.Load() {
		return errBroken
	}
	data, err := from.Marshal()
	if err != nil {
		return err
	}
	time.Sleep(m.pause)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data = data
	m.writes.Add(1)
	return nil
}

// secrets are the access tokens that are stored.
func (m *memory) secrets(t *testing.T) []string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var stored struct {
		AccessToken map[string]struct{ Secret string }
	}
	if m.data != nil {
		require.NoError(t, json.Unmarshal(m.data, &stored))
	}
	var secrets []string
	for token := range maps.Values(stored.AccessToken) {
		secrets = append(secrets, token.Secret)
	}
	return secrets
}

// A store is what two values of azidentity.Cache of the same name share: as azidentity has it, CAE tokens are kept apart.
type store struct{ cae, other memory }

// open makes an azidentity.Cache on the store. Only azidentity's own module cache can do that, whose storage needs a keyring;
// so its unexported fields are set.
func (s *store) open() azidentity.Cache {
	var opened azidentity.Cache
	field := reflect.ValueOf(&opened).Elem().Field(0)
	implementation := reflect.New(field.Type().Elem())
	set(implementation.Elem().FieldByName("factory"), func(cae bool) (msal.ExportReplace, error) {
		if cae {
			return &s.cae, nil
		}
		return &s.other, nil
	})
	set(implementation.Elem().FieldByName("mu"), &sync.RWMutex{})
	set(field, implementation.Interface())
	return opened
}

func set(field reflect.Value, value any) {
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(reflect.ValueOf(value))
}

// stored makes a credential on the store, for a job in cloud.
func stored(t *testing.T, cloud *azoidctest.Cloud, s *store, change ...func(*azoidc.CredentialOptions)) *azoidc.GitHubActionsCredential {
	t.Helper()
	return testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
		o.Cache = s.open()
		for _, f := range change {
			f(&o.CredentialOptions)
		}
	})
}

func preloadScopes(t *testing.T, cred interface {
	Preload(context.Context, ...string) error
}, scopes int) {
	t.Helper()
	var all []string
	for i := range scopes {
		all = append(all, testkit.ScopeNumber(i))
	}
	require.NoError(t, cred.Preload(t.Context(), all...))
}

// TestScopesAcquiredAtOnceAreAllStored, by one credential and by several, also where the store is slow.
func TestScopesAcquiredAtOnceAreAllStored(t *testing.T) {
	for name, test := range map[string]struct {
		pause       time.Duration
		credentials int
	}{"a fast store": {0, 1}, "a slow store": {2 * time.Millisecond, 1}, "four credentials": {time.Millisecond, 4}} {
		t.Run(name, func(t *testing.T) {
			cloud := azoidctest.New(nil)
			shared := &store{cae: memory{pause: test.pause}}
			var all sync.WaitGroup
			for i := range test.credentials {
				cred := stored(t, cloud, shared)
				for n := range 16 / test.credentials {
					all.Go(func() {
						_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.ScopeNumber(16/test.credentials*i+n)))
						assert.NoError(t, err)
					})
				}
			}
			all.Wait()
			require.Equal(t, 16, cloud.Count(azoidctest.EntraToken))

			preloadScopes(t, stored(t, cloud, shared), 16)

			require.Equal(t, 16, cloud.Count(azoidctest.EntraToken), "the second credential repeated exchanges")
			require.Len(t, shared.cae.secrets(t), 16)
		})
	}
}

// TestAStoreCostsNoRoundTrip: only the writing is one after another.
func TestAStoreCostsNoRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		cloud.SetLatency(testkit.Hop)
		cred := stored(t, cloud, &store{})
		began := time.Now()
		preloadScopes(t, cred, 16)
		require.Equal(t, 2*testkit.Hop, time.Since(began))
	})
}

// TestAnotherProcessesTokenCostsNothing: what is stored and fresh is taken, without an assertion.
func TestAnotherProcessesTokenCostsNothing(t *testing.T) {
	cloud := azoidctest.New(nil)
	shared := &store{}
	first := testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
	cloud.Reset()
	require.Equal(t, first.Token, testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope).Token)
	require.Zero(t, cloud.Count())
}

// TestAStoreThatFailsCostsNoToken where azidentity returns its error.
func TestAStoreThatFailsCostsNoToken(t *testing.T) {
	for _, host := range []string{"", "a private one"} {
		cloud := azoidctest.New(nil)
		shared := &store{}
		shared.cae.broken.Store(true)
		cred := stored(t, cloud, shared, func(o *azoidc.CredentialOptions) { o.DisableInstanceDiscovery = host != "" })
		testkit.Get(t, cred, testkit.VaultScope)
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))

		shared.cae.broken.Store(false)
		testkit.Get(t, cred, testkit.GraphScope)
		require.Len(t, shared.cae.secrets(t), 1, "it works again")
	}
}

// TestInvalidateIsForAStoreToo: what was forgotten comes back neither later, when what came after it is due, nor to another
// credential on the same store, whether that one is new or was made before.
func TestInvalidateIsForAStoreToo(t *testing.T) {
	for name, invalidate := range map[string]func(*azoidc.GitHubActionsCredential){
		"one": func(c *azoidc.GitHubActionsCredential) { c.Invalidate(testkit.VaultScope) },
		"all": func(c *azoidc.GitHubActionsCredential) { c.InvalidateAll() },
	} {
		for _, cae := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, CAE %v", name, cae), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: 24 * time.Hour})
					shared := &store{}
					request := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: cae}
					get := func(cred azcore.TokenCredential) string {
						token, err := cred.GetToken(t.Context(), request)
						require.NoError(t, err)
						return token.Token
					}
					cred, before := stored(t, cloud, shared), stored(t, cloud, shared)
					forgotten := get(cred)

					invalidate(cred)

					time.Sleep(2 * time.Second)
					seen := map[string]bool{get(before): true, get(stored(t, cloud, shared)): true}
					cloud.SetAccessTokenLifetime(time.Hour)
					for range 100 {
						seen[get(cred)] = true
						seen[get(stored(t, cloud, shared))] = true
						time.Sleep(3 * time.Minute)
					}
					require.False(t, seen[forgotten], "it came back")
					require.False(t, seen["forgotten"], "what stands in its place was taken for a token")
				})
			})
		}
	}
}

// TestInvalidateForgetsWhatThisProcessNeverAskedFor, in both CAE modes, and leaves the rest alone.
func TestInvalidateForgetsWhatThisProcessNeverAskedFor(t *testing.T) {
	cloud := azoidctest.New(nil)
	shared := &store{}
	for _, cae := range []bool{true, false} {
		other := stored(t, cloud, shared) // one that had a token in the other mode would serve it, and ask for this one behind
		for _, scope := range []string{testkit.VaultScope, testkit.GraphScope} {
			_, err := other.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: cae})
			require.NoError(t, err)
		}
	}
	cloud.Reset()

	stored(t, cloud, shared).Invalidate(testkit.VaultScope)

	require.Zero(t, cloud.Count(), "to forget costs no request")
	require.Contains(t, shared.cae.secrets(t), "forgotten")
	require.Contains(t, shared.other.secrets(t), "forgotten")
	testkit.Get(t, stored(t, cloud, shared), testkit.GraphScope)
	require.Zero(t, cloud.Count())
}

// TestForgettingWhatIsNotStoredWritesNothing: a store isn't filled with marks.
func TestForgettingWhatIsNotStoredWritesNothing(t *testing.T) {
	shared := &store{}
	cred := stored(t, azoidctest.New(nil), shared)
	cred.Invalidate(testkit.VaultScope)
	cred.InvalidateAll()
	require.Zero(t, shared.cae.writes.Load())
	require.Zero(t, shared.other.writes.Load())
}

// TestATokenAfterAnInvalidateIsStored in place of the forgotten one, and Entra isn't sent what made MSAL ask for it.
func TestATokenAfterAnInvalidateIsStored(t *testing.T) {
	for _, cae := range []bool{true, false} {
		cloud := azoidctest.New(nil)
		shared := &store{}
		cred := stored(t, cloud, shared)
		request := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: cae}
		_, err := cred.GetToken(t.Context(), request)
		require.NoError(t, err)
		cred.InvalidateAll()
		second, err := cred.GetToken(t.Context(), request)
		require.NoError(t, err)

		third, err := stored(t, cloud, shared).GetToken(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, second.Token, third.Token)
		posted := cloud.Requests(azoidctest.EntraToken)
		require.Len(t, posted, 2)
		require.Equal(t, posted[0].Form["claims"], posted[1].Form["claims"])
		require.Equal(t, posted[0].Form["scope"], posted[1].Form["scope"])
	}
}

// TestClaimsOfACallerReachEntra with a store as without one.
func TestClaimsOfACallerReachEntra(t *testing.T) {
	cloud := azoidctest.New(nil)
	cred := stored(t, cloud, &store{})
	cred.InvalidateAll()
	_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope},
		Claims: `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`})
	require.NoError(t, err)
	require.Contains(t, cloud.Requests(azoidctest.EntraToken)[0].Form.Get("claims"), "nbf")
}

// TestAnAnswerThatMSALRefusesLeavesTheStoreFree for others.
func TestAnAnswerThatMSALRefusesLeavesTheStoreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		cred := stored(t, cloud, &store{})
		cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(http.StatusOK, nil,
			`{"token_type":"Bearer","access_token":"x","expires_in":3600,"refresh_in":"soon"}`))
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.Error(t, err)
		began := time.Now()
		testkit.Get(t, cred, testkit.GraphScope)
		require.Zero(t, time.Since(began))
	})
}

// TestAStoredTokenIsRefreshedInTime: MSAL gives a stored token until five minutes before its end, which leaves no time to
// outlive an outage. What was acquired, and what another process had stored, is refreshed earlier.
func TestAStoredTokenIsRefreshedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		shared := &store{}
		cred := stored(t, cloud, shared)
		for minute := range 240 {
			if minute%50 == 49 {
				cred = stored(t, cloud, shared)
			}
			token := testkit.Get(t, cred, testkit.VaultScope)
			require.Greater(t, time.Until(token.ExpiresOn), 13*time.Minute, "minute %d", minute)
			time.Sleep(time.Minute)
		}
		require.LessOrEqual(t, cloud.Count(azoidctest.EntraToken), 7)
	})
}

// TestADueStoredTokenIsBetterThanNone where Entra can't be reached.
func TestADueStoredTokenIsBetterThanNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		shared := &store{}
		first := testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
		time.Sleep(50 * time.Minute)
		cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
		require.Equal(t, first.Token, testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope).Token)
	})
}

// TestTheProgramsOwnRefreshBeforeCounts for stored tokens, too.
func TestTheProgramsOwnRefreshBeforeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		shared := &store{}
		testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
		cred := stored(t, cloud, shared, func(o *azoidc.CredentialOptions) { o.TokenCache.RefreshBefore = 6 * time.Minute })
		for range 53 {
			testkit.Get(t, cred, testkit.VaultScope)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
	})
}

// TestADayOfTroublesOnAStore has no error in 24 hours, though another process takes over every two. The days without a store
// are in internal/scenarios.
func TestADayOfTroublesOnAStore(t *testing.T) {
	for _, system := range testkit.Systems {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s/seed %d", system.Name, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					shared := &store{}
					had := testkit.Day{Seed: seed, System: system, Restart: 2 * time.Hour,
						Change: func(o *azoidc.CredentialOptions) { o.Cache = shared.open() }}.Live(t)
					t.Logf("%d troubles, %d errors, worst wait %s, %d exchanges, %d writes", had.Troubles, len(had.Errors), had.Worst, had.Exchanges, shared.cae.writes.Load())
					require.Empty(t, had.Errors)
					require.Positive(t, shared.cae.writes.Load())
				})
			})
		}
	}
}
