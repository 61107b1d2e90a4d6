package azoidc

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/retry"
	"github.com/azoidc/azoidc/internal/tokencache"
)

// TokenCacheOptions configure a [TokenCache].
type TokenCacheOptions struct {
	// RefreshBefore is how long before a token's expiry a background refresh begins, unless Microsoft Entra named the
	// time (refresh_in). Up to a tenth more is added at random, so that scopes don't refresh in step. 0 or less means 15
	// minutes, at most a quarter of the token's life.
	RefreshBefore time.Duration
	// AcquireTimeout bounds one acquisition, all its attempts included. 0 or less means 2 minutes. A credential that doesn't
	// return when its context ends is given one more second, then given up, though its goroutine goes on.
	AcquireTimeout time.Duration
}

// A TokenCache holds the tokens of a credential in memory and keeps them usable. A fresh token is served at once. One that
// is due for a refresh is served too, and refreshed in the background. Callers wait only for a token that is missing or
// about to end; all of them wait for the same acquisition, each within its own context. A refresh that fails costs no token
// that still works.
//
// It is itself a TokenCredential, and safe for concurrent use. Use one for the whole program. What a new key, of scopes,
// tenant and CAE mode, costs doesn't grow with the keys that are held; beyond 131,072 of them, those whose tokens end first
// are dropped. The zero TokenCache has no credential: it returns errors, and holds nothing.
type TokenCache struct {
	engine tokencache.Cache
}

// NewTokenCache puts a cache in front of cred, which can be any credential. Options may be nil.
func NewTokenCache(cred azcore.TokenCredential, options *TokenCacheOptions) *TokenCache {
	return newTokenCache(cred, "", options)
}

// newTokenCache knows that tenantID is the credential's own tenant.
func newTokenCache(cred azcore.TokenCredential, tenantID string, options *TokenCacheOptions) *TokenCache {
	if options == nil {
		options = &TokenCacheOptions{}
	}
	engine := tokencache.Options{
		TenantID:       tenantID,
		RefreshBefore:  options.RefreshBefore,
		AcquireTimeout: options.AcquireTimeout,
		RetryAfter:     retryAfter,
		EachError:      ownCopy,
	}
	if storing, ok := cred.(forgetter); ok {
		engine.Forget = storing.forget
	}
	c := &TokenCache{}
	c.engine.Init(cred, engine)
	return c
}

// A forgetter is a credential of this package with something behind it that an Invalidate concerns: see
// [tokencache.Options].
type forgetter interface {
	forget(policy.TokenRequestOptions)
}

// askAgain is how long a refresh waits at most because of Entra's wish to be left alone: the exchange's cooldown obeys it
// anyway, and finds out now and then whether it is still meant, if it is asked.
const askAgain = 5 * time.Minute

// forget makes a TokenCache a forgetter, and with it all credentials of this package, in front of which a user put another.
func (c *TokenCache) forget(request policy.TokenRequestOptions) { c.cache().Forget(request) }

// retryAfter is what a failed acquisition says about when to try again; 0 when it doesn't.
func retryAfter(err error) time.Duration {
	if refused := (*ExchangeError)(nil); errors.As(err, &refused) {
		return min(refused.retryAfter, askAgain)
	}
	if unusable := (*AssertionError)(nil); errors.As(err, &unusable) {
		return unusable.retryAfter
	}
	// Of another library's credential that this library's cache serves.
	if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &failed) && failed.RawResponse != nil {
		return retry.After(failed.RawResponse.Header)
	}
	return 0
}

// GetToken returns a token for the scopes, tenant and CAE mode of the request. The order of the scopes doesn't matter, and
// the credential's own tenant is the same by its name as by none. A context that has ended begins no acquisition, but is
// served what is held.
//
// While there is no token in the wanted CAE mode but one in the other, that one is served, for services take both, and the
// wanted one is acquired behind. A request with Claims, which answers a claims challenge, is for a new token; callers who
// bring the same claims share it.
//
// GetToken returns as soon as ctx ends. An acquisition that it began goes on for the benefit of others, until
// TokenCacheOptions.AcquireTimeout. It has the values of ctx, but nothing of policy.WithCaptureResponse,
// policy.WithHTTPHeader and policy.WithRetryOptions, which are for the caller's own request. If the credential panics, that
// is an error of the acquisition.
func (c *TokenCache) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return c.cache().GetToken(ctx, options)
}

// cache is empty, without a credential, where there is no TokenCache, as in a GitHubActionsCredential{}.
func (c *TokenCache) cache() *tokencache.Cache {
	if c == nil {
		return &tokencache.Cache{}
	}
	return &c.engine
}

// Preload acquires tokens for all scopes at once, as Azure SDK clients ask for them: for the credential's own tenant, and
// with CAE, except for the scopes of those clients that don't handle it (Service Bus, Event Hubs, Container Registry, Azure
// Data Explorer). It returns when all are there or have failed. A scope whose token is held already costs nothing.
//
// Its error tells each cause once, after the scopes that failed of it; errors.Is and errors.As find the error of each.
func (c *TokenCache) Preload(ctx context.Context, scopes ...string) error {
	failed := make([]error, len(scopes))
	var all sync.WaitGroup
	for i, scope := range scopes {
		all.Go(func() {
			_, failed[i] = c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: !askedWithoutCAE(scope)})
		})
	}
	all.Wait()
	return tokencache.JoinByCause(scopes, failed)
}

// KeepFresh refreshes the tokens that are held, each when it is due, whether or not anybody asks for it, so that an
// idle program's next request doesn't wait either. It blocks until ctx is done and returns ctx's error. Refreshes that it
// began and nobody else waits for end with it. It has at most 256 of them under way, and notices within a minute that the
// machine slept. Running it twice does no harm.
func (c *TokenCache) KeepFresh(ctx context.Context) error { return c.cache().KeepFresh(ctx) }

// Invalidate forgets the tokens for each of the scopes, for all tenants and in both CAE modes. Without scopes it does
// nothing. An acquisition that is under way doesn't bring a forgotten token back.
//
// A persistent cache (CredentialOptions.Cache) forgets them, too: those of the credential's own tenant, and those of other
// tenants that this credential has asked for. What another process holds in its memory stays there. From then on this
// credential writes to the persistent cache for these scopes, but doesn't read from it.
//
// A credential of another package that keeps tokens itself, as azidentity's do, may hand out the same ones again.
func (c *TokenCache) Invalidate(scopes ...string) { c.cache().Invalidate(scopes...) }

// InvalidateAll forgets all tokens, as Invalidate does those for some scopes. A persistent cache forgets what this
// credential has asked for; what else is in it, this credential doesn't read any more.
func (c *TokenCache) InvalidateAll() { c.cache().InvalidateAll() }

// TokenStatus tells about a held token, but not its secret.
type TokenStatus struct {
	Scopes               []string // sorted
	TenantID             string   // "" is the credential's own
	CAE                  bool     // whether the token was asked for with continuous access evaluation
	ExpiresOn, RefreshOn time.Time
	LastError            error // of the latest refresh, nil after a success
}

// Tokens lists the tokens that are held, sorted by scope, tenant and CAE mode.
func (c *TokenCache) Tokens() []TokenStatus {
	var list []TokenStatus
	for _, status := range c.cache().Tokens() {
		list = append(list, TokenStatus(status))
	}
	return list
}

var _ azcore.TokenCredential = (*TokenCache)(nil)
