package azoidc

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

// TokenCacheOptions configure a [TokenCache].
type TokenCacheOptions struct {
	// RefreshBefore is how long before a token's expiry a background refresh begins, unless Microsoft Entra named the
	// time (refresh_in). Up to a tenth more is added at random, so that scopes don't refresh in step. 0 or less: 15
	// minutes, at most a quarter of the token's life.
	RefreshBefore time.Duration
	// AcquireTimeout bounds one acquisition, all its attempts included. 0 or less: 2 minutes.
	AcquireTimeout time.Duration
}

// A TokenCache holds the tokens of a credential in memory and keeps them usable: a fresh one is served at once; one that
// is due is served too, and refreshed in the background; only for one that is missing or about to end do callers wait,
// all for the same acquisition, each within its own context. A refresh that fails costs no token that still works.
//
// It is itself a TokenCredential, and safe for concurrent use. Use one for the whole program.
type TokenCache struct {
	cred           azcore.TokenCredential
	tenantID       string // the credential's own
	refreshBefore  time.Duration
	acquireTimeout time.Duration

	// entries is replaced, never changed, so that a hit needs no lock.
	entries atomic.Pointer[entries]
	mu      sync.Mutex // held to replace entries
	swept   time.Time  // when useless entries were last looked for; guarded by mu
	news    news
}

// NewTokenCache puts a cache in front of cred, which can be any credential. Options may be nil.
func NewTokenCache(cred azcore.TokenCredential, options *TokenCacheOptions) *TokenCache {
	if options == nil {
		options = &TokenCacheOptions{}
	}
	c := &TokenCache{
		cred:           cred,
		refreshBefore:  options.RefreshBefore,
		acquireTimeout: options.AcquireTimeout,
	}
	if c.acquireTimeout <= 0 {
		c.acquireTimeout = defaultAcquireTimeout
	}
	c.entries.Store(newEntries(map[key]*entry{}))
	return c
}

// A key is what tokens are held by. Claims aren't part of it: a token acquired for a claims challenge replaces the one
// that was challenged.
type key struct {
	scopes   string // sorted, separated by spaces
	tenantID string // "" is the credential's own
	cae      bool
}

func (c *TokenCache) keyOf(o *policy.TokenRequestOptions) key {
	k := key{tenantID: o.TenantID, cae: o.EnableCAE}
	if k.tenantID != "" && strings.EqualFold(k.tenantID, c.tenantID) {
		k.tenantID = ""
	}
	if len(o.Scopes) == 1 {
		k.scopes = o.Scopes[0]
	} else {
		k.scopes = strings.Join(sorted(o.Scopes), " ")
	}
	return k
}

func sorted(scopes []string) []string {
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// GetToken returns a token for the scopes, tenant and CAE mode of the request. A request with claims, which answers a
// claims challenge, is for a new token; those who bring the same claims share it. GetToken returns as soon as ctx ends;
// an acquisition that it began goes on for the benefit of others, until TokenCacheOptions.AcquireTimeout.
func (c *TokenCache) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
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
func (c *TokenCache) slow(ctx context.Context, k key, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
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
func (c *TokenCache) twin(k key) *heldToken {
	k.cae = !k.cae
	if e := c.entries.Load().of(k); e != nil {
		return e.held.Load()
	}
	return nil
}

// Invalidate forgets the tokens for each of the scopes, for all tenants; without scopes, all tokens. An acquisition that
// is under way doesn't bring a forgotten token back.
func (c *TokenCache) Invalidate(scopes ...string) {
	for _, e := range c.entries.Load().all {
		if len(scopes) == 0 || slices.ContainsFunc(e.request.Scopes, func(s string) bool { return slices.Contains(scopes, s) }) {
			e.invalidate()
		}
	}
}

// TokenStatus tells about a held token, but not its secret.
type TokenStatus struct {
	Scopes               []string
	TenantID             string // "" is the credential's own
	CAE                  bool
	ExpiresOn, RefreshOn time.Time
	LastError            error // of the latest refresh, nil after a success
}

// Tokens lists the tokens that are held, sorted by scope, tenant and CAE mode.
func (c *TokenCache) Tokens() []TokenStatus {
	var list []TokenStatus
	for k, e := range c.entries.Load().all {
		if held, lastError := e.status(); held != nil {
			list = append(list, TokenStatus{
				Scopes: slices.Clone(e.request.Scopes), TenantID: k.tenantID, CAE: k.cae,
				ExpiresOn: held.ExpiresOn, RefreshOn: held.RefreshOn, LastError: lastError,
			})
		}
	}
	slices.SortFunc(list, compareStatus)
	return list
}

func compareStatus(a, b TokenStatus) int {
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

var _ azcore.TokenCredential = (*TokenCache)(nil)
