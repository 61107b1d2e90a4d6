package tokencache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestModel does random things to a cache for a long virtual time and checks what always holds: no token past its end,
// no token from before an Invalidate or a challenge, no two flights for a key, no call waiting on another key, no error
// while a token works.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(t, seed)
				for range 300 {
					m.step()
				}
				m.finish()
			})
		})
	}
}

const modelScopes = 4

type model struct {
	t      *testing.T
	random *rand.Rand
	cache  *azoidc.TokenCache
	life   time.Duration // of all tokens
	calls  sync.WaitGroup

	mu     sync.Mutex
	issued int
	scopes map[string]*modelScope
}

// A modelScope is what the model knows of one key.
type modelScope struct {
	latency  time.Duration
	broken   bool
	outdated int // tokens up to this number may not be handed out to who asks from now on
	flights  map[string]int
	best     time.Time // the latest end of a token that was handed out and not invalidated
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, random: rand.New(rand.NewPCG(seed, 1)), scopes: map[string]*modelScope{}}
	m.life = time.Duration(5+m.random.IntN(85)) * time.Minute
	for i := range modelScopes {
		m.scopes[testkit.ScopeNumber(i)] = &modelScope{flights: map[string]int{}}
	}
	m.cache = azoidc.NewTokenCache(m, &azoidc.TokenCacheOptions{AcquireTimeout: time.Minute})
	return m
}

// GetToken is the credential behind the cache.
func (m *model) GetToken(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
	m.mu.Lock()
	scope := m.scopes[request.Scopes[0]]
	generation := fmt.Sprint(request.Claims, scope.outdated)
	scope.flights[generation]++
	assert.Equal(m.t, 1, scope.flights[generation], "two flights for a key")
	latency, broken := scope.latency, scope.broken
	m.issued++
	token := azcore.AccessToken{Token: fmt.Sprint(m.issued), ExpiresOn: time.Now().Add(m.life)}
	m.mu.Unlock()

	err := testkit.Takes(latency)(ctx, request)
	if broken {
		err = testkit.ErrOutage
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	scope.flights[generation]--
	return token, err
}

func (m *model) step() {
	name := testkit.ScopeNumber(m.random.IntN(modelScopes))
	scope := m.scopes[name]
	switch m.random.IntN(10) {
	default:
		m.calls.Go(func() { m.get(name, scope, "") })
	case 0:
		m.invalidate(name, scope)
	case 1:
		m.calls.Go(func() { m.get(name, scope, fmt.Sprintf("challenge %d", m.random.IntN(3))) })
	case 2:
		m.change(scope, func() { scope.broken = !scope.broken })
	case 3:
		m.change(scope, func() { scope.latency = time.Duration(m.random.IntN(90)) * time.Second })
	case 4, 5, 6:
		time.Sleep(time.Duration(m.random.ExpFloat64() * float64(5*time.Minute)))
	}
	synctest.Wait()
}

func (m *model) change(_ *modelScope, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *model) invalidate(name string, scope *modelScope) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cache.Invalidate(name)
	scope.outdated, scope.best = m.issued, time.Time{}
}

func (m *model) get(name string, scope *modelScope, claims string) {
	m.mu.Lock()
	outdated, best := scope.outdated, scope.best
	m.mu.Unlock()
	asked := time.Now()
	request := testkit.ForScope(name)
	request.Claims = claims
	token, err := m.cache.GetToken(m.t.Context(), request)
	waited := time.Since(asked)

	assert.LessOrEqual(m.t, waited, time.Minute+time.Second/10, "a call waited on another key, or beyond AcquireTimeout")
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		assert.False(m.t, claims == "" && best.After(time.Now()) && scope.outdated == outdated, "an error while a token works: %v", err)
		return
	}
	var number int
	_, scanned := fmt.Sscan(token.Token, &number)
	assert.NoError(m.t, scanned)
	assert.Greater(m.t, number, outdated, "a token from before Invalidate")
	assert.Positive(m.t, time.Until(token.ExpiresOn), "a token past its end")
	if claims == "" && best.After(time.Now().Add(30*time.Second)) && best.Sub(asked) > 10*time.Minute {
		assert.Zero(m.t, waited, "a wait while a token works")
	}
	if scope.outdated == outdated && token.ExpiresOn.After(scope.best) && claims == "" {
		scope.best = token.ExpiresOn
	}
}

// finish waits for all calls and sees that nothing is left running.
func (m *model) finish() {
	m.calls.Wait()
	time.Sleep(2 * time.Minute)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, scope := range m.scopes {
		for _, flying := range scope.flights {
			require.Zero(m.t, flying)
		}
	}
}
