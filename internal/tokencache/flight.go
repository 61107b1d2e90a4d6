package tokencache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// patience is how much longer than its deadline a flight waits for a credential to say why it failed; then it is given
// up, though the credential goes on.
const patience = time.Second

// A flight is one acquisition that any number of callers wait for. It outlives the caller who began it.
type flight struct {
	number uint64 // within its entry
	claims string
	cancel context.CancelFunc
	done   chan struct{}

	// The entry's lock guards these; token and err don't change once done is closed.
	waiters int
	landed  bool
	token   *heldToken
	err     error
}

func (f *flight) joined() *flight {
	f.waiters++
	return f
}

// start flies on a context that keeps ctx's values but not its end.
func (f *flight) start(ctx context.Context, c *Cache, e *entry, request policy.TokenRequestOptions) {
	ctx, f.cancel = context.WithTimeout(context.WithoutCancel(ctx), c.options.AcquireTimeout)
	overdue := time.AfterFunc(c.options.AcquireTimeout+patience, func() {
		e.land(c, f, nil, fmt.Errorf("azoidc: no token for %q within %s (TokenCacheOptions.AcquireTimeout): %w",
			shown(request.Scopes), c.options.AcquireTimeout, context.DeadlineExceeded))
	})
	go func() {
		defer overdue.Stop()
		defer f.cancel()
		var brought *heldToken
		err := errors.New("azoidc: the credential ended its goroutine instead of returning")
		defer func() { e.land(c, f, brought, err) }()
		brought, err = c.acquire(ctx, request)
	}()
}

// acquire asks the credential for a token that is of use.
func (c *Cache) acquire(ctx context.Context, request policy.TokenRequestOptions) (*heldToken, error) {
	if c.cred == nil {
		return nil, errors.New("azoidc: NewTokenCache was given no credential")
	}
	token, err := c.cred.GetToken(ctx, request)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	switch {
	case token.Token == "":
		return nil, fmt.Errorf("azoidc: the credential returned an empty token for %q", shown(request.Scopes))
	case strings.ContainsFunc(token.Token, func(r rune) bool { return r < ' ' || r > '~' }):
		return nil, fmt.Errorf("azoidc: the credential returned a token for %q with characters that no token has", shown(request.Scopes))
	case !token.ExpiresOn.After(now):
		return nil, fmt.Errorf("azoidc: the credential returned a token for %q that expired at %s, %s ago; check this machine's clock",
			shown(request.Scopes), token.ExpiresOn.UTC().Format(time.RFC3339), now.Sub(token.ExpiresOn).Round(time.Second))
	}
	return c.hold(token, now), nil
}

// shown are scopes for an error, which a caller may have from elsewhere.
func shown(scopes []string) []string {
	list := slices.Clone(scopes)
	for i, scope := range list {
		list[i] = redact.Line(scope)
	}
	return list
}

// wait returns what the flight brings, or ctx's error when that ends first. Where it fails, an old token that still has
// some time is better than none.
func (t ticket) wait(ctx context.Context) (azcore.AccessToken, error) {
	select {
	case <-t.flight.done:
	case <-ctx.Done():
		return azcore.AccessToken{}, fmt.Errorf("azoidc: stopped waiting for a token: %w", ctx.Err())
	}
	switch {
	case t.flight.err == nil:
		return t.flight.token.AccessToken, nil
	case t.held.works(time.Now()):
		return t.held.AccessToken, nil
	}
	return azcore.AccessToken{}, t.flight.err
}

type distrustKey struct{}

func distrusting(ctx context.Context) context.Context {
	return context.WithValue(ctx, distrustKey{}, true)
}

// Distrusts tells whether an acquisition under ctx follows an Invalidate, so that no other cache may bring back what was
// invalidated.
func Distrusts(ctx context.Context) bool { return ctx.Value(distrustKey{}) != nil }

// retryAfter is what a failed acquisition says about when to try again; 0 when it doesn't.
func (c *Cache) retryAfter(err error) time.Duration {
	if c.options.RetryAfter == nil {
		return 0
	}
	return c.options.RetryAfter(err)
}
