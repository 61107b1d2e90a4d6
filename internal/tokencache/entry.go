package tokencache

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	// A failed refresh is repeated after minBackoff, then after twice as long each time, up to maxBackoff.
	minBackoff = 30 * time.Second
	maxBackoff = 5 * time.Minute
	// longestAsked is how long a refresh that nobody needs yet is put off at most, as internal/retry has it for exchanges.
	longestAsked = time.Hour
	// msalMargin is how long before its end MSAL, and Azure CLI, stop handing out a token that they keep.
	msalMargin = 5 * time.Minute
)

// An entry holds the token of one key and the flights that bring new ones. Its lock is never held while one is made.
type entry struct {
	key     key
	hash    uint64
	held    atomic.Pointer[heldToken]
	several []string // the scopes, sorted, where it isn't one as nearly always

	mu          sync.Mutex
	flights     []*flight  // those under way that bring something wanted, in the order they began
	room        [1]*flight // for the list of one flight
	begun       uint64     // how many flights have begun
	outdated    uint64     // flights up to this number bring nothing that is still wanted
	invalidated uint64     // those up to this number began before the latest Invalidate
	failures    int        // in a row
	retryAt     Instant    // no refresh before
	lastErr     error      // of the latest refresh
	touched     int64      // when something last happened here, by the monotonic clock
	dropped     bool       // the cache has no such entry any more
	distrusts   bool       // a token was invalidated, so no persistent cache may bring it back, ever
}

// scopes returns a list that the caller may keep.
func (e *entry) scopes() []string {
	if e.several != nil {
		return slices.Clone(e.several)
	}
	return []string{e.key.scopes}
}

func (e *entry) isForAny(scopes []string) bool {
	if e.several != nil {
		return slices.ContainsFunc(e.several, func(s string) bool { return slices.Contains(scopes, s) })
	}
	return slices.Contains(scopes, e.key.scopes)
}

// request is what is asked of the credential, but for claims. The credential may keep or change it.
func (e *entry) request() policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: e.scopes(), TenantID: e.key.tenantID, EnableCAE: e.key.cae}
}

// ask decides what a caller gets. It returns false when the entry isn't the cache's any more. The twin, the token of the
// other CAE mode, stands in where there is no other, for it works as well at the service: a client that asks without CAE is
// served a preloaded token, in an outage, too, while its own is acquired behind.
func (e *entry) ask(ctx context.Context, c *Cache, claims string, now Instant) (ticket, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dropped {
		return ticket{}, false
	}
	held := e.held.Load()
	switch {
	case claims != "":
		return e.askFor(ctx, c, claims, held, now), true
	case held.freshness(now) == fresh:
		return ticket{held: held}, true
	case held.freshness(now) == stale:
		e.refresh(ctx, c, now)
		return ticket{held: held}, true
	}
	twin := c.twin(e)
	switch {
	case twin.freshness(now) != expired:
		e.refresh(ctx, c, now)
		return ticket{held: twin}, true
	case e.retryAt.ahead(now) && e.lastErr == nil && held.works(now):
		return ticket{held: held}, true // the credential has no better one yet
	}
	lasting := lastingLonger(held, twin, now)
	if ctx.Err() == nil {
		return ticket{held: lasting, flight: e.join(ctx, c, now)}, true
	}
	if lasting.works(now) {
		return ticket{held: lasting}, true
	}
	return ticket{err: ended(ctx)}, true
}

// askFor is ask for a caller with claims, for whom a held token is no fallback: it was just refused.
func (e *entry) askFor(ctx context.Context, c *Cache, claims string, held *heldToken, now Instant) ticket {
	switch {
	case held.answers(claims, now):
		return ticket{held: held}
	case ctx.Err() != nil:
		return ticket{err: ended(ctx)}
	}
	for _, f := range e.flights {
		if f.claims == claims {
			return ticket{flight: f.joined()}
		}
	}
	return ticket{flight: e.begin(ctx, c, claims, now).joined()}
}

func ended(ctx context.Context) error {
	return fmt.Errorf("azoidc: no token was asked for: %w", ctx.Err())
}

// join joins the latest flight, for what it brings will be the newest token.
func (e *entry) join(ctx context.Context, c *Cache, now Instant) *flight {
	if n := len(e.flights); n > 0 {
		return e.flights[n-1].joined()
	}
	return e.begin(ctx, c, "", now).joined()
}

// refresh begins a flight that nobody waits for, unless one is under way or it is too early after a failure.
func (e *entry) refresh(ctx context.Context, c *Cache, now Instant) *flight {
	if len(e.flights) > 0 || e.retryAt.ahead(now) || ctx.Err() != nil {
		return nil
	}
	return e.begin(ctx, c, "", now)
}

func (e *entry) begin(ctx context.Context, c *Cache, claims string, now Instant) *flight {
	e.begun++
	f := &flight{cache: c, entry: e, number: e.begun, claims: claims}
	f.context.values, f.context.distrusts = ctx, e.distrusts
	f.context.deadline = c.real(now.plus(c.options.AcquireTimeout))
	if len(e.flights) == 0 {
		e.flights = e.room[:0]
	}
	e.flights = append(e.flights, f)
	c.deadlines.add(f, c.real(now), c.options.AcquireTimeout)
	go f.fly()
	return f
}

// land takes in what the flight brought: the first call counts. It returns whether there was an Invalidate meanwhile.
func (f *flight) land(brought *heldToken, err error, now Instant) (invalidated bool) {
	e := f.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.landed {
		return f.number <= e.invalidated
	}
	f.landed, f.token, f.err = true, brought, err
	f.cache.deadlines.remove(f)
	e.remove(f)
	if f.number > e.outdated {
		e.take(f, now)
	}
	e.touched = now.Mono
	if f.done != nil {
		close(f.done)
	}
	f.cache.tell(e)
	return f.number <= e.invalidated
}

func (e *entry) remove(f *flight) {
	e.flights = slices.DeleteFunc(e.flights, func(other *flight) bool { return other == f })
}

func (e *entry) take(f *flight, now Instant) {
	held := e.held.Load()
	switch {
	case held != nil && held.flight > f.number:
		// A later flight was faster, and what it brought stays.
	case f.err != nil:
		e.lastErr = f.err
		asked := f.cache.options.Spread(f.cache.retryAfter(f.err), 1, 1.25) // not with all who were asked to come back then
		e.backOff(held, now, obeyed(asked, held, now))
	case held != nil && f.claims == "" && held.bringsNothing(f.token, now):
		e.lastErr = nil
		e.backOff(held, now, held.end.left(now)-msalMargin)
	default:
		f.token.claims, f.token.flight = f.claims, f.number
		e.held.Store(f.token)
		e.lastErr, e.failures, e.retryAt = nil, 0, Instant{}
	}
}

// obeyed is how much of what a service asks for a refresh is put off: half of the time until callers begin to wait, so that it
// is tried in between, and again, because whatever else fails at the end would be an error.
func obeyed(asked time.Duration, held *heldToken, now Instant) time.Duration {
	if held.freshness(now) == expired {
		return min(asked, longestAsked)
	}
	return min(asked, held.expired.left(now)/2)
}

// backOff puts the next refresh off, for at least as long as asked, but not beyond the time when callers begin to wait.
func (e *entry) backOff(held *heldToken, now Instant, asked time.Duration) {
	wait := min(minBackoff<<min(e.failures, 8), maxBackoff)
	e.failures++
	e.retryAt = now.plus(max(wait, asked))
	if held.freshness(now) != expired && held.expired.left(now) < e.retryAt.left(now) {
		e.retryAt = held.expired
	}
}

func (e *entry) invalidate() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held.Store(nil)
	e.outdated, e.invalidated = e.begun, e.begun
	clear(e.flights)
	e.flights = nil // whoever waits for them asked before; whoever asks from now on gets another
	e.lastErr, e.failures, e.retryAt, e.distrusts = nil, 0, Instant{}, true
}

func (e *entry) status() (*heldToken, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held.Load(), e.lastErr
}
