package tokencache

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/retry"
)

const (
	// A failed refresh is repeated after minBackoff, then after twice as long each time, up to maxBackoff.
	minBackoff = 30 * time.Second
	maxBackoff = 5 * time.Minute
	// msalMargin is how long before its end MSAL, and Azure CLI, stop handing out a token that they keep.
	msalMargin = 5 * time.Minute
)

// An entry holds the token of one key and the flights that bring new ones. Its lock is never held while one is made.
type entry struct {
	request policy.TokenRequestOptions // without claims
	held    atomic.Pointer[heldToken]

	mu       sync.Mutex
	flights  []*flight // those under way that bring something wanted, in the order they began
	begun    uint64    // how many flights have begun
	outdated uint64    // flights up to this number bring nothing that is still wanted
	failures int       // in a row
	retryAt  time.Time // no refresh before
	lastErr  error     // of the latest refresh
	touched  time.Time // when something last happened here
	dropped  bool      // the cache has no such entry any more
	distrust bool      // the token was invalidated, so no persistent cache may bring it back
}

// A ticket is either a token to serve or a flight to wait for; with the latter, held is what to fall back on.
type ticket struct {
	held   *heldToken
	flight *flight
}

// ask decides what a caller gets. It returns false when the entry isn't the cache's any more. The twin, the token of the
// other CAE mode, stands in where there is no other, for it works as well at the service: a client that asks without CAE
// finds a preloaded token in an outage, too.
func (e *entry) ask(ctx context.Context, c *Cache, claims string, twin *heldToken) (ticket, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dropped {
		return ticket{}, false
	}
	now := time.Now()
	held := e.held.Load()
	if claims != "" {
		return e.askFor(ctx, c, claims, held, now), true
	}
	switch held.freshness(now) {
	case fresh:
		return ticket{held: held}, true
	case stale:
		e.refresh(ctx, c, now)
		return ticket{held: held}, true
	}
	if standIn := e.standIn(held, twin, now); standIn != nil {
		return ticket{held: standIn}, true
	}
	return ticket{held: lastingLonger(held, twin), flight: e.join(ctx, c)}, true
}

// standIn is what to serve in place of a fresh token where it is too early to ask for one again.
func (e *entry) standIn(held, twin *heldToken, now time.Time) *heldToken {
	switch {
	case !now.Before(e.retryAt):
		return nil
	case twin.freshness(now) != expired:
		return twin
	case e.lastErr == nil && held.works(now):
		return held // the credential has no better one yet
	}
	return nil
}

// askFor is ask for a caller with claims, for whom a held token is no fallback: it was just refused.
func (e *entry) askFor(ctx context.Context, c *Cache, claims string, held *heldToken, now time.Time) ticket {
	if held != nil && held.answers(claims, now) {
		return ticket{held: held}
	}
	for _, f := range e.flights {
		if f.claims == claims {
			return ticket{flight: f.joined()}
		}
	}
	return ticket{flight: e.begin(ctx, c, claims).joined()}
}

// join joins the latest flight, for what it brings will be the newest token.
func (e *entry) join(ctx context.Context, c *Cache) *flight {
	if n := len(e.flights); n > 0 {
		return e.flights[n-1].joined()
	}
	return e.begin(ctx, c, "").joined()
}

// refresh begins a flight that nobody waits for, unless one is under way or it is too early after a failure.
func (e *entry) refresh(ctx context.Context, c *Cache, now time.Time) *flight {
	if len(e.flights) > 0 || now.Before(e.retryAt) {
		return nil
	}
	return e.begin(ctx, c, "")
}

func (e *entry) begin(ctx context.Context, c *Cache, claims string) *flight {
	e.begun++
	f := &flight{number: e.begun, claims: claims, done: make(chan struct{})}
	e.flights = append(e.flights, f)
	request := e.request
	request.Claims = claims
	if e.distrust {
		ctx = distrusting(ctx)
	}
	f.start(ctx, c, e, request)
	return f
}

// land takes in what a flight brought: the first call for a flight counts.
func (e *entry) land(c *Cache, f *flight, brought *heldToken, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.landed {
		return
	}
	f.landed, f.token, f.err = true, brought, err
	e.remove(f)
	if f.number > e.outdated {
		e.take(c, f, brought, err)
	}
	e.touched = time.Now()
	close(f.done)
	c.news.tell()
}

func (e *entry) remove(f *flight) {
	e.flights = slices.DeleteFunc(e.flights, func(other *flight) bool { return other == f })
}

func (e *entry) take(c *Cache, f *flight, brought *heldToken, err error) {
	held := e.held.Load()
	now := time.Now()
	switch {
	case held != nil && held.flight > f.number:
		// A later flight was faster, and what it brought stays.
	case err != nil:
		e.lastErr = err
		e.backOff(held, now, retry.Spread(c.retryAfter(err), 1, 1.25)) // not with all who were asked to come back then
	case held != nil && f.claims == "" && !brought.ExpiresOn.After(held.ExpiresOn):
		// The credential has a cache of its own and handed out the same token, or an older one.
		e.lastErr = nil
		e.backOff(held, now, held.ExpiresOn.Add(-msalMargin).Sub(now))
	default:
		brought.claims, brought.flight = f.claims, f.number
		e.held.Store(brought)
		e.lastErr, e.failures, e.retryAt, e.distrust = nil, 0, time.Time{}, false
	}
}

// backOff puts the next refresh off, for at least as long as asked, but not beyond the time when callers begin to wait.
func (e *entry) backOff(held *heldToken, now time.Time, asked time.Duration) {
	wait := min(minBackoff<<min(e.failures, 8), maxBackoff)
	e.failures++
	e.retryAt = now.Add(max(wait, asked))
	if held.freshness(now) != expired && e.retryAt.After(held.expiredOn) {
		e.retryAt = held.expiredOn
	}
}

func (e *entry) invalidate() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held.Store(nil)
	e.outdated = e.begun
	e.flights = nil // whoever waits for them asked before; whoever asks from now on gets another
	e.lastErr, e.failures, e.retryAt, e.distrust = nil, 0, time.Time{}, true
}

func (e *entry) status() (*heldToken, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held.Load(), e.lastErr
}
