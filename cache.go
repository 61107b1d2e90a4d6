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
	// time (refresh_in). Up to a tenth of it is added at random, so that scopes don't refresh in step. 0 or less
	// means 15 minutes, but at most a quarter of the token's life.
	RefreshBefore time.Duration
	// AcquireTimeout bounds one acquisition, with all its attempts. 0 or less means 2 minutes. A credential that
	// doesn't return when its context ends gets one more second. Then the acquisition fails, though the credential's
	// goroutine goes on.
	AcquireTimeout time.Duration
}

// A TokenCache holds the tokens of a credential in memory and keeps them usable. A fresh token is served at once. A
// token that is due for a refresh is served at once, too, and is refreshed in the background. Callers wait only if a
// token is missing or about to end. They all wait for the same acquisition, each as long as its own context lasts. If
// a refresh fails, a token that still works stays in use.
//
// A TokenCache is itself a TokenCredential, and safe for concurrent use. Use one for the whole program. It holds a
// token for each combination of scopes, tenant and CAE mode. What a new combination costs doesn't grow with their
// number; beyond 131,072 of them, some whose tokens end soon are dropped. The zero TokenCache has no credential: it
// returns errors, and holds nothing.
//
// What to preload, and when to keep fresh: https://github.com/azoidc/azoidc#preload-and-keep-fresh
type TokenCache struct {
	engine tokencache.Cache
}

// NewTokenCache puts a cache in front of cred, which can be any credential. options may be nil.
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
	// An AssertionError is one, too, and so is that of another library's credential that this library's cache serves.
	if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &failed) && failed.RawResponse != nil {
		return retry.After(failed.RawResponse.Header)
	}
	return 0
}

// GetToken returns a token for the scopes, tenant and CAE mode of the request. The order of the scopes doesn't
// matter. An empty tenant means the credential's own, just as its ID does. If ctx has ended already, GetToken returns
// a token that is held, but acquires none.
//
// If only a token of the other CAE mode is held, GetToken returns that, because services accept both, and acquires
// the one that was asked for in the background. A request with Claims, by which a client answers a claims challenge,
// is for a new token; callers with the same claims share it.
//
// GetToken returns as soon as ctx ends. An acquisition that it began goes on for other callers, for at most
// TokenCacheOptions.AcquireTimeout. The acquisition's context has the values of ctx, except for those of
// policy.WithCaptureResponse, policy.WithHTTPHeader and policy.WithRetryOptions, which are for the caller's own
// request. If the credential panics, the acquisition fails with an error.
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

// Preload acquires tokens for all scopes at once, in the way in which Azure SDK clients will ask for them: for the
// credential's own tenant, and with CAE, except for the scopes of the clients that don't handle CAE (Service Bus,
// Event Hubs, Container Registry, Azure Data Explorer). It returns when every token has been acquired or has failed.
// For a token that is held already, nothing is requested.
//
// The text of its error has each cause once, after the scopes that failed for it. [errors.Is] and [errors.As] find
// the error of each scope.
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

// KeepFresh refreshes each token that is held when it is due, whether or not anybody asks for it. So the next request
// of an idle program needn't wait either. KeepFresh blocks until ctx is done, and returns ctx's error. Refreshes that
// it began end with it, unless somebody else waits for them. At most 256 of its refreshes are under way at a time. It
// notices within a minute that the machine slept. It may be called more than once.
func (c *TokenCache) KeepFresh(ctx context.Context) error { return c.cache().KeepFresh(ctx) }

// Invalidate forgets the tokens for each of the scopes, for all tenants and in both CAE modes. Without scopes it does
// nothing. An acquisition that is under way doesn't bring a forgotten token back.
//
// A persistent cache (CredentialOptions.Cache) forgets these tokens, too: those of the credential's own tenant, and
// those of the other tenants that this credential has asked for. From then on this credential still writes tokens for
// these scopes to the persistent cache, but doesn't read any. What another process holds in memory stays there.
//
// A credential of another package that keeps tokens itself, as azidentity's do, may return the same tokens again.
func (c *TokenCache) Invalidate(scopes ...string) { c.cache().Invalidate(scopes...) }

// InvalidateAll forgets all tokens. A persistent cache forgets those that this credential has asked for; this
// credential doesn't read any others from it from then on.
func (c *TokenCache) InvalidateAll() { c.cache().InvalidateAll() }

// TokenStatus describes a token that is held. The token itself isn't in it.
type TokenStatus struct {
	Scopes               []string // sorted
	TenantID             string   // "" means the credential's own
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
