package tokencache_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
)

// TestModel does random things to a cache for a long virtual time: callers with and without claims in both CAE modes, some of
// whom leave, failures, panics and hangs of the credential, Invalidate, KeepFresh, other keys that come and go, and a wall
// clock that is set. It holds what comes back against a specification that knows nothing of entries and flights, see
// model.judge and model.GetToken.
//
// A failure names its seed; AZOIDC_SEED=N repeats it. Half of the seeds are other ones each time; -seeds says how many, for a
// longer run after changes to the cache.
func TestModel(t *testing.T) {
	for _, seed := range seeds(t) {
		ok := t.Run(fmt.Sprint("AZOIDC_SEED=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(t, seed)
				for range 250 {
					m.step()
				}
				m.finish()
			})
		})
		if !ok {
			return
		}
	}
}

var seedPairs = flag.Int("seeds", 20, "pairs of seeds of TestModel")

func seeds(t *testing.T) []uint64 {
	if given := os.Getenv("AZOIDC_SEED"); given != "" {
		seed, err := strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
		return []uint64{seed}
	}
	pairs := *seedPairs
	if testing.Short() {
		pairs /= 8
	}
	var list []uint64
	for i := range uint64(pairs) {
		list = append(list, i, rand.Uint64()>>16)
	}
	return list
}

const (
	modelScopes  = 3
	modelTimeout = time.Minute
	slack        = time.Second // beyond AcquireTimeout, for a credential that doesn't hear
)

type model struct {
	t      *testing.T
	random *rand.Rand
	clocks clocks
	cache  tokencache.Cache
	life   time.Duration // of all tokens
	calls  sync.WaitGroup
	keeper *modelKeeper // nil when KeepFresh isn't running
	others int

	mu     sync.Mutex
	issued int
	scopes []*modelScope
}

// A modelScope is one scope, in both CAE modes.
type modelScope struct {
	name    string
	answer  func(context.Context) error
	latency time.Duration
	// outdated is the number of the latest token from before the latest Invalidate.
	outdated int
	keys     [2]modelKey
	tokens   map[string]modelToken
}

// A modelKey is a scope in one CAE mode.
type modelKey struct {
	flying map[string]int // by what must be different for two to fly at the same time
	newest modelToken     // of those that landed for who asked without claims, or for a challenge
	// doubtful came at the very moment at which its flight was given up: it has landed in place of newest, or not.
	doubtful modelToken
}

// held is what may be held: one token, or either of two.
func (k modelKey) held() []modelToken {
	if k.doubtful.number > k.newest.number {
		return []modelToken{k.newest, k.doubtful}
	}
	return []modelToken{k.newest}
}

// A modelToken ends when either clock has reached its end.
type modelToken struct {
	number   int
	cae      bool
	claims   string
	issued   tokencache.Instant
	dueIn    time.Duration // from issued: before that, no refresh is wanted
	lastsFor time.Duration // from issued
}

func (k modelToken) age(now tokencache.Instant) time.Duration {
	return time.Duration(max(now.Wall-k.issued.Wall, now.Mono-k.issued.Mono))
}

func (k modelToken) left(now tokencache.Instant) time.Duration {
	if k.number == 0 {
		return -1
	}
	return k.lastsFor - k.age(now)
}

// usable is what a caller is served without waiting.
func (k modelToken) usable(now tokencache.Instant) bool {
	return k.left(now) > min(30*time.Second, k.lastsFor/10)
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, random: rand.New(rand.NewPCG(seed, 1))}
	m.clocks.now()
	m.life = time.Duration(5+m.random.IntN(85)) * time.Minute
	for i := range modelScopes {
		m.scopes = append(m.scopes, &modelScope{
			name: testkit.ScopeNumber(i), answer: works, tokens: map[string]modelToken{},
			keys: [2]modelKey{{flying: map[string]int{}}, {flying: map[string]int{}}},
		})
	}
	m.cache.Init(m, tokencache.Options{
		AcquireTimeout: modelTimeout, Clock: m.clocks.now,
		Spread: func(d time.Duration, _, to float64) time.Duration { return time.Duration(float64(d) * to) },
	})
	return m
}

// How a credential may answer.
func works(context.Context) error { return nil }
func fails(context.Context) error { return testkit.ErrOutage }
func crashes(context.Context) error {
	panic("crashes")
}
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
func deaf(context.Context) error {
	time.Sleep(3 * modelTimeout)
	return nil
}

// GetToken is the credential behind the cache. What is wrong with being asked is said here.
func (m *model) GetToken(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
	scope := m.scope(request.Scopes[0])
	if scope == nil { // of a key that only takes room
		return azcore.AccessToken{Token: "other", ExpiresOn: m.clocks.wall().Add(m.life)}, nil
	}
	m.mu.Lock()
	key := &scope.keys[mode(request.EnableCAE)]
	if request.Claims == "" && key.newest.number > scope.outdated {
		now := m.clocks.now()
		isDue := func(token modelToken) bool { return token.age(now) >= token.dueIn }
		assert.True(m.t, slices.ContainsFunc(key.held(), isDue), "asked for a token, though a fresh one was held")
	}
	m.issued++
	number := m.issued
	flight := fmt.Sprint(request.Claims, " after ", scope.outdated)
	key.flying[flight]++
	assert.Equal(m.t, 1, key.flying[flight], "two acquisitions of the same at the same time")
	answer, latency := scope.answer, scope.latency
	m.mu.Unlock()
	// It is over with the answer, at whose landing another may begin, or when it was given up, though the credential goes on.
	over := sync.OnceFunc(func() { m.change(func() { key.flying[flight]-- }) })
	defer over()
	context.AfterFunc(ctx, over)

	err := testkit.Takes(latency)(ctx, request)
	if err == nil {
		err = answer(ctx)
	}
	if err != nil {
		return azcore.AccessToken{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clocks.now()
	issued := modelToken{number: number, cae: request.EnableCAE, claims: request.Claims, issued: now, lastsFor: m.life,
		dueIn: max(m.life-min(15*time.Minute, m.life/4)*11/10, m.life/20)}
	text := fmt.Sprint(number)
	scope.tokens[text] = issued
	if deadline, _ := ctx.Deadline(); number > scope.outdated && number > key.newest.number {
		if ctx.Err() == nil {
			key.newest = issued
		} else if !time.Now().After(deadline) && number > key.doubtful.number {
			key.doubtful = issued
		}
	}
	return azcore.AccessToken{Token: text, ExpiresOn: time.Unix(0, now.Wall).Add(m.life)}, nil
}

func (m *model) scope(name string) *modelScope {
	for _, scope := range m.scopes {
		if scope.name == name {
			return scope
		}
	}
	return nil
}

func mode(cae bool) int {
	if cae {
		return 1
	}
	return 0
}

func (m *model) step() {
	scope := m.scopes[m.random.IntN(modelScopes)]
	ctx, claims, cae := m.t.Context(), "", m.random.IntN(4) > 0
	switch m.random.IntN(16) {
	default:
		m.ask(ctx, scope, cae, claims)
	case 0:
		m.invalidate(scope)
	case 1:
		if m.random.IntN(4) == 0 {
			m.invalidate(m.scopes...)
		}
	case 2:
		m.ask(ctx, scope, cae, fmt.Sprintf("challenge %d", m.random.IntN(3)))
	case 3:
		m.change(func() {
			scope.answer = []func(context.Context) error{works, works, works, fails, crashes, hangs, deaf}[m.random.IntN(7)]
		})
	case 4:
		m.change(func() { scope.latency = time.Duration(m.random.IntN(90)) * time.Second })
	case 5:
		m.askInAHurry(scope, cae, time.Duration(m.random.IntN(20)-2)*time.Second)
	case 6:
		m.toggleKeepFresh()
	case 7:
		if m.random.IntN(4) == 0 {
			m.clocks.set(time.Duration(m.random.NormFloat64() * float64(time.Hour)))
		}
	case 8:
		m.makeRoomMatter()
	case 9, 10, 11, 12:
		time.Sleep(time.Duration(m.random.ExpFloat64() * float64(5*time.Minute)))
	}
	synctest.Wait()
}

func (m *model) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// invalidate does so for one scope, or for all by InvalidateAll.
func (m *model) invalidate(scopes ...*modelScope) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(scopes) == 1 {
		m.cache.Invalidate(scopes[0].name)
	} else {
		m.cache.InvalidateAll()
	}
	for _, scope := range scopes {
		scope.outdated = m.issued
	}
	for _, status := range m.cache.Tokens() {
		for _, scope := range scopes {
			assert.NotContains(m.t, status.Scopes, scope.name)
		}
	}
}

// makeRoomMatter asks for keys that were never there, so that useless ones are looked for.
func (m *model) makeRoomMatter() {
	for range 20 {
		m.others++
		testkit.Get(m.t, &m.cache, fmt.Sprint("other ", m.others))
	}
}

// A modelKeeper is a KeepFresh that is running.
type modelKeeper struct {
	end    context.CancelFunc
	result chan error
}

func (m *model) toggleKeepFresh() {
	if m.keeper != nil {
		m.endKeepFresh()
		return
	}
	ctx, cancel := context.WithCancel(m.t.Context())
	m.keeper = &modelKeeper{cancel, make(chan error)}
	go func() { m.keeper.result <- m.cache.KeepFresh(ctx) }()
}

func (m *model) endKeepFresh() {
	asked := time.Now()
	m.keeper.end()
	assert.ErrorIs(m.t, <-m.keeper.result, context.Canceled)
	assert.LessOrEqual(m.t, time.Since(asked), modelTimeout+slack)
	m.keeper = nil
}

func (m *model) ask(ctx context.Context, scope *modelScope, cae bool, claims string) {
	m.calls.Go(func() { m.get(ctx, scope, cae, claims) })
}

// askInAHurry lets a caller leave after a time, which may be over already.
func (m *model) askInAHurry(scope *modelScope, cae bool, patience time.Duration) {
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	m.calls.Go(func() {
		defer cancel()
		m.get(ctx, scope, cae, "")
	})
}

func (m *model) get(ctx context.Context, scope *modelScope, cae bool, claims string) {
	m.mu.Lock()
	call := modelCall{scope: scope, cae: cae, claims: claims, asked: m.clocks.now(), outdated: scope.outdated, ended: ctx.Err() != nil}
	for i, key := range scope.keys {
		// What is issued at this very moment may not have landed yet.
		isUnusable := func(token modelToken) bool { return !token.usable(call.asked) }
		if key.newest.number > scope.outdated && key.newest.issued.Mono < call.asked.Mono && !slices.ContainsFunc(key.held(), isUnusable) {
			call.usable = true
			call.ownUsable = call.ownUsable || i == mode(cae)
		}
	}
	m.mu.Unlock()

	began := time.Now()
	request := testkit.ForScope(scope.name)
	request.EnableCAE, request.Claims = cae, claims
	token, err := m.cache.GetToken(ctx, request)

	m.mu.Lock()
	defer m.mu.Unlock()
	call.waited = time.Since(began)
	call.left = ctx.Err() != nil
	m.judge(call, token, err)
}

// A modelCall is what the model knows of a GetToken.
type modelCall struct {
	scope       *modelScope
	cae         bool
	claims      string
	asked       tokencache.Instant
	outdated    int  // when it asked
	usable      bool // a token, in either mode, when it asked
	ownUsable   bool // one of its own mode
	ended, left bool // whether its context had ended before, or has since
	waited      time.Duration
}

// judge holds a call against what is promised to callers.
func (m *model) judge(call modelCall, token azcore.AccessToken, err error) {
	now := m.clocks.now()
	assert.LessOrEqual(m.t, call.waited, modelTimeout+slack, "waited beyond AcquireTimeout")
	if call.claims == "" && call.usable {
		assert.Zero(m.t, call.waited, "waited though a token was usable")
		assert.NoError(m.t, err, "an error though a token was usable")
	}
	if err != nil {
		m.judgeError(call, err)
		return
	}
	got, known := call.scope.tokens[token.Token]
	require.True(m.t, known, "a token that was issued for something else")
	assert.Greater(m.t, got.number, call.outdated, "a token from before Invalidate")
	assert.Positive(m.t, got.left(now), "a token past its end")
	if call.claims != "" {
		assert.Equal(m.t, call.claims, got.claims, "a token for another challenge")
		assert.Equal(m.t, call.cae, got.cae)
		if got.issued.Mono < call.asked.Mono {
			assert.LessOrEqual(m.t, got.age(call.asked), 5*time.Minute, "an answer to an old challenge")
		}
	}
	if got.cae != call.cae {
		assert.False(m.t, call.ownUsable, "the other CAE mode's token, though its own was usable")
	}
}

func (m *model) judgeError(call modelCall, err error) {
	switch {
	case call.ended:
		assert.ErrorIs(m.t, err, context.DeadlineExceeded)
		assert.Zero(m.t, call.waited)
	case errors.Is(err, context.DeadlineExceeded):
		assert.True(m.t, call.left || call.waited > 0)
	case !errors.Is(err, testkit.ErrOutage):
		assert.ErrorContains(m.t, err, "crashes")
	}
}

// finish lets everything work again, after which KeepFresh alone keeps all callers from waiting; then it waits for all
// calls and sees that nothing is left running.
func (m *model) finish() {
	m.change(func() {
		for _, scope := range m.scopes {
			scope.answer, scope.latency = works, time.Second
		}
	})
	m.calls.Wait()
	time.Sleep(5 * modelTimeout) // until the deaf have heard
	if m.keeper == nil {
		m.toggleKeepFresh()
	}
	for _, scope := range m.scopes {
		m.get(m.t.Context(), scope, true, "")
	}
	time.Sleep(3 * m.life)
	for _, scope := range m.scopes {
		asked := time.Now()
		testkit.Get(m.t, &m.cache, scope.name)
		assert.Zero(m.t, time.Since(asked), "KeepFresh didn't keep it")
	}
	time.Sleep(2 * time.Second) // what was due at that very moment is refreshed for its caller, whom KeepFresh doesn't end
	m.endKeepFresh()
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, scope := range m.scopes {
		for _, key := range scope.keys {
			for _, flying := range key.flying {
				require.Zero(m.t, flying)
			}
		}
	}
}
