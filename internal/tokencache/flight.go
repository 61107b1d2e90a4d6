package tokencache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/recovered"
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

// start flies in a goroutine of its own.
func (f *flight) start(ctx flightContext, c *Cache, e *entry, request policy.TokenRequestOptions) {
	var timed context.Context
	timed, f.cancel = context.WithTimeout(ctx, c.options.AcquireTimeout)
	overdue := time.AfterFunc(c.options.AcquireTimeout+patience, func() {
		e.land(c, f, nil, fmt.Errorf("azoidc: no token for %s within %s (TokenCacheOptions.AcquireTimeout): %w",
			quoted(request.Scopes), c.options.AcquireTimeout, context.DeadlineExceeded), c.now())
	})
	go func() {
		var token azcore.AccessToken
		err := errGone
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("azoidc: no token for %s: %w", quoted(request.Scopes), recovered.Error(value))
			}
			f.cancel()
			overdue.Stop()
			f.arrive(c, e, token, err)
		}()
		token, err = c.cred.GetToken(timed, request)
	}()
}

var errGone = errors.New("azoidc: the credential ended its goroutine instead of returning")

// arrive lands with what the credential returned.
func (f *flight) arrive(c *Cache, e *entry, token azcore.AccessToken, err error) {
	now := c.now()
	if err == nil {
		err = checkToken(token, e.request.Scopes, now)
	}
	if err != nil {
		e.land(c, f, nil, err, now)
	} else {
		e.land(c, f, c.hold(token, now), nil, now)
	}
	if e.invalidatedSince(f) {
		c.forget(e.request) // which the credential may have stored since
	}
}

// checkToken returns what is wrong with a token that a credential returned without an error.
func checkToken(token azcore.AccessToken, scopes []string, now Instant) error {
	expiresOn := token.ExpiresOn.Round(0)
	switch {
	case token.Token == "":
		return fmt.Errorf("azoidc: the credential returned an empty token for %s", quoted(scopes))
	case strings.ContainsFunc(token.Token, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("azoidc: the credential returned a token for %s with characters that no token has", quoted(scopes))
	case expiresOn.Unix() <= 0: // of a zero time, or of a zero in an answer
		return fmt.Errorf("azoidc: the credential returned a token for %s that doesn't say when it expires: its ExpiresOn is %s",
			quoted(scopes), expiresOn.UTC().Format(time.RFC3339))
	case !expiresOn.After(now.Wall):
		return fmt.Errorf("azoidc: the credential returned a token for %s that expired at %s, %s ago; check this machine's clock",
			quoted(scopes), expiresOn.UTC().Format(time.RFC3339), now.Wall.Sub(expiresOn).Round(time.Second))
	}
	return nil
}

// A ticket is a token to serve, or a flight to wait for, or an error. With a flight, held is what to fall back on.
type ticket struct {
	held   *heldToken
	flight *flight
	err    error
}

// redeem returns what the flight brings, or ctx's error when that ends first. Where it fails, an old token that still has
// some time is better than none.
func (t ticket) redeem(ctx context.Context, c *Cache) (azcore.AccessToken, error) {
	switch {
	case t.err != nil:
		return azcore.AccessToken{}, t.err
	case t.flight == nil:
		return t.held.token(), nil
	}
	select {
	case <-t.flight.done:
	case <-ctx.Done():
		return azcore.AccessToken{}, fmt.Errorf("azoidc: stopped waiting for a token: %w", ctx.Err())
	}
	switch {
	case t.flight.err == nil:
		return t.flight.token.token(), nil
	case t.held.works(c.now()):
		return t.held.token(), nil
	}
	return azcore.AccessToken{}, c.eachError(t.flight.err)
}
