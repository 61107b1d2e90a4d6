// Package tokencache is the engine of azoidc.TokenCache. A request for a token enters at [Cache.GetToken]; table.go finds
// the key's entry, entry.go decides who is served and who waits, flight.go makes one acquisition, deadlines.go ends those
// that take too long, held.go says what a held token is good for, keepfresh.go refreshes what nobody asks for, and
// invalidate.go forgets.
package tokencache

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/retry"
)

const (
	defaultAcquireTimeout = 2 * time.Minute
	// longest is the greatest duration that is taken at its word, so that there is room to add to it.
	longest = 100 * 365 * 24 * time.Hour
)

// Options configure a [Cache].
type Options struct {
	TenantID       string        // the credential's own; "" where it isn't known
	RefreshBefore  time.Duration // as azoidc.TokenCacheOptions has it
	AcquireTimeout time.Duration // as azoidc.TokenCacheOptions has it
	// RetryAfter, if set, reads from the error of an acquisition when to try again; 0 when it doesn't say.
	RetryAfter func(error) time.Duration
	// EachError, if set, makes of an acquisition's error the one that a single caller gets.
	EachError func(error) error
	// Forget, if set, is told what a store behind the credential is to forget: each key that is invalidated, and each
	// scope that is, in both CAE modes for the own tenant, though this cache may never have been asked for it. No scopes
	// mean all that can be forgotten. It is called without a lock held, also at the same time.
	Forget func(policy.TokenRequestOptions)
	// Room is how many keys are held, where a test needs few. Clock and Spread replace the machine's clocks and chance in tests.
	Room   int
	Clock  func() Instant
	Spread func(d time.Duration, from, to float64) time.Duration // as retry.Spread
}

// A Cache holds the tokens of one credential. It is safe for concurrent use, and not to be copied. The zero Cache has no
// credential, and so returns errors.
type Cache struct {
	cred      azcore.TokenCredential
	options   Options
	made      time.Time // when the monotonic clock began to count
	table     table
	deadlines *deadlines
	forgotten forgotten
	keepers   keepers
}

// Init makes c ready for use in front of cred.
func (c *Cache) Init(cred azcore.TokenCredential, options Options) {
	if options.AcquireTimeout <= 0 {
		options.AcquireTimeout = defaultAcquireTimeout
	}
	options.AcquireTimeout = min(options.AcquireTimeout, longest)
	if options.Spread == nil {
		options.Spread = retry.Spread
	}
	c.cred, c.options, c.made = cred, options, time.Now()
	c.deadlines = new(deadlines)
}

var (
	errNoCredential = errors.New("azoidc: no credential is behind this TokenCache: NewTokenCache takes one, and the types that embed it have constructors")
	errNoContext    = errors.New("azoidc: the context is nil; context.Background() is one")
)

// GetToken is azoidc.TokenCache's.
func (c *Cache) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	k := c.keyOf(&options)
	hash := k.hash()
	e := c.table.find(hash, &k)
	if e != nil && options.Claims == "" {
		if held := e.held.Load(); held != nil && held.due.ahead(c.now()) {
			return held.token(), nil
		}
	}
	return c.slow(ctx, e, k, hash, options)
}

// slow is GetToken when e, if there is one, has no fresh token for the taking.
func (c *Cache) slow(ctx context.Context, e *entry, k key, hash uint64, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := c.check(ctx, options.Scopes); err != nil {
		return azcore.AccessToken{}, err
	}
	for ; ; e = c.table.find(hash, &k) {
		now := c.now()
		if e == nil {
			e = c.newEntry(k, hash, options.Scopes, now)
		}
		if ticket, ok := e.ask(ctx, c, options.Claims, now); ok {
			return ticket.redeem(ctx, c)
		}
		// The entry was dropped between the look-up and the question.
	}
}

func (c *Cache) check(ctx context.Context, scopes []string) error {
	switch {
	case ctx == nil:
		return errNoContext
	case c.cred == nil:
		return errNoCredential
	}
	return checkScopes(scopes)
}

// newEntry makes k's entry, unless somebody else just did.
func (c *Cache) newEntry(k key, hash uint64, scopes []string, now Instant) *entry {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	if e := c.table.find(hash, &k); e != nil {
		return e
	}
	c.sweep(now)
	e := &entry{key: k, hash: hash, touched: now.Mono}
	if len(scopes) > 1 {
		e.several = sorted(scopes)
	}
	e.distrusts = c.forgotten.has(scopes)
	c.table.add(e)
	return e
}

// twin returns the token that is held for the same scopes in the other CAE mode, or nil.
func (c *Cache) twin(e *entry) *heldToken {
	k := e.key
	k.cae = !k.cae
	if other := c.table.find(e.hash, &k); other != nil {
		return other.held.Load()
	}
	return nil
}

// retryAfter is what a failed acquisition says about when to try again; 0 when it doesn't.
func (c *Cache) retryAfter(err error) time.Duration {
	if c.options.RetryAfter == nil {
		return 0
	}
	return c.options.RetryAfter(err)
}

func (c *Cache) eachError(err error) error {
	if c.options.EachError == nil || err == nil {
		return err
	}
	return c.options.EachError(err)
}
