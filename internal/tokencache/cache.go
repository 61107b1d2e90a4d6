// Package tokencache is the engine of azoidc.TokenCache. A request for a token enters at [Cache.GetToken]; table.go finds
// the key's entry, entry.go decides who is served and who waits, flight.go makes one acquisition, held.go says what a held
// token is good for, and keepfresh.go refreshes what nobody asks for.
package tokencache

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const defaultAcquireTimeout = 2 * time.Minute

// Options configure a [Cache].
type Options struct {
	TenantID       string        // the credential's own; "" where it isn't known
	RefreshBefore  time.Duration // as azoidc.TokenCacheOptions has it
	AcquireTimeout time.Duration // as azoidc.TokenCacheOptions has it
	// RetryAfter reads from the error of an acquisition when to try again; 0 when it doesn't say.
	RetryAfter func(error) time.Duration
}

// A Cache holds the tokens of one credential. It is safe for concurrent use, and not to be copied.
type Cache struct {
	cred    azcore.TokenCredential
	options Options

	// entries is replaced, never changed, so that a hit needs no lock.
	entries atomic.Pointer[entries]
	mu      sync.Mutex // held to replace entries
	swept   time.Time  // when useless entries were last looked for; guarded by mu
	news    news
}

// Init makes c ready for use in front of cred.
func (c *Cache) Init(cred azcore.TokenCredential, options Options) {
	if options.AcquireTimeout <= 0 {
		options.AcquireTimeout = defaultAcquireTimeout
	}
	c.cred, c.options = cred, options
	c.entries.Store(newEntries(map[key]*entry{}))
}

// GetToken is azoidc.TokenCache's.
func (c *Cache) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if len(options.Scopes) == 0 {
		return azcore.AccessToken{}, errors.New("azoidc: a token request needs at least one scope")
	}
	k := c.keyOf(&options)
	if e := c.entries.Load().of(k); e != nil && options.Claims == "" {
		if held := e.held.Load(); held != nil && time.Now().Before(held.RefreshOn) {
			return held.AccessToken, nil
		}
	}
	return c.slow(ctx, k, options)
}

// slow is GetToken when a fresh token isn't there for the taking.
func (c *Cache) slow(ctx context.Context, k key, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	for {
		ticket, ok := c.entry(k, options).ask(ctx, c, options.Claims, c.twin(k))
		switch {
		case !ok:
			continue // the entry was dropped between the look-up and the question
		case ticket.flight == nil:
			return ticket.held.AccessToken, nil
		}
		return ticket.wait(ctx)
	}
}

// twin returns the token that is held for the same scopes in the other CAE mode, or nil.
func (c *Cache) twin(k key) *heldToken {
	k.cae = !k.cae
	if e := c.entries.Load().of(k); e != nil {
		return e.held.Load()
	}
	return nil
}

// Invalidate forgets the tokens for each of the scopes, for all tenants; without scopes, all tokens.
func (c *Cache) Invalidate(scopes ...string) {
	for _, e := range c.entries.Load().all {
		if len(scopes) == 0 || slices.ContainsFunc(e.request.Scopes, func(s string) bool { return slices.Contains(scopes, s) }) {
			e.invalidate()
		}
	}
}

// A Status is azoidc.TokenStatus.
type Status struct {
	Scopes               []string
	TenantID             string
	CAE                  bool
	ExpiresOn, RefreshOn time.Time
	LastError            error
}

// Tokens lists the tokens that are held, sorted by scope, tenant and CAE mode.
func (c *Cache) Tokens() []Status {
	var list []Status
	for k, e := range c.entries.Load().all {
		if held, lastError := e.status(); held != nil {
			list = append(list, Status{
				Scopes: slices.Clone(e.request.Scopes), TenantID: k.tenantID, CAE: k.cae,
				ExpiresOn: held.ExpiresOn, RefreshOn: held.RefreshOn, LastError: lastError,
			})
		}
	}
	slices.SortFunc(list, compareStatus)
	return list
}

func compareStatus(a, b Status) int {
	if order := slices.Compare(a.Scopes, b.Scopes); order != 0 {
		return order
	}
	if order := strings.Compare(a.TenantID, b.TenantID); order != 0 {
		return order
	}
	switch {
	case a.CAE == b.CAE:
		return 0
	case b.CAE:
		return -1
	}
	return 1
}
