package tokencache

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/internal/outbound"
)

// A flight is one acquisition that any number of callers wait for. It outlives the caller who began it.
type flight struct {
	cache   *Cache
	entry   *entry
	number  uint64 // within its entry
	claims  string
	context flightContext

	deadline deadline // guarded by the lock of the cache's deadlines

	// The entry's lock guards these; token and err don't change once it has landed.
	waiters int
	landed  bool
	done    chan struct{} // made for who waits
	token   *heldToken
	err     error
}

func (f *flight) joined() *flight {
	f.waiters++
	return f
}

// landing is closed once f has landed; nil if it has.
func (f *flight) landing() <-chan struct{} {
	e := f.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.landed {
		return nil
	}
	if f.done == nil {
		f.done = make(chan struct{})
	}
	return f.done
}

func (f *flight) hasLanded() bool {
	f.entry.mu.Lock()
	defer f.entry.mu.Unlock()
	return f.landed
}

// giveUp lands a flight whose credential doesn't return.
func (f *flight) giveUp() {
	f.land(nil, fmt.Errorf("azoidc: no token for %s within %s (TokenCacheOptions.AcquireTimeout): %w",
		quoted(f.entry.scopes()), f.cache.options.AcquireTimeout, context.DeadlineExceeded), f.cache.now())
}

// fly asks the credential, and lands with what that returns. It has a goroutine of its own.
func (f *flight) fly() {
	returned := false
	defer func() {
		if !returned {
			f.crash(recover())
		}
	}()
	request := f.entry.request()
	request.Claims = f.claims
	token, err := f.cache.cred.GetToken(&f.context, request)
	returned = true
	f.arrive(&token, err)
}

var errGone = errors.New("azoidc: the credential ended its goroutine instead of returning")

// crash is for a credential that panicked, with what was recovered, or left its goroutine.
func (f *flight) crash(value any) {
	err := errGone
	if value != nil {
		err = fmt.Errorf("azoidc: no token for %s: %w", quoted(f.entry.scopes()), outbound.PanicError(value))
	}
	f.arrive(nil, err)
}

func (f *flight) arrive(token *azcore.AccessToken, err error) {
	f.context.end(context.Canceled)
	now := f.cache.now()
	var held *heldToken
	switch {
	case err != nil:
	case !usable(token.Token) || unixNano(token.ExpiresOn) <= now.Wall:
		err = useless(token, f.entry.scopes(), now)
	default:
		held = f.cache.hold(token, now)
	}
	if f.land(held, err, now) {
		f.cache.forget(f.entry.request()) // which the credential may have stored since
	}
}

// usable holds for what can be a token: the characters of RFC 6750 and their like, none of which ends a header or a line.
func usable(token string) bool {
	for i := range len(token) {
		if token[i] < ' ' || token[i] > '~' {
			return false
		}
	}
	return token != ""
}

// useless says what is wrong with a token that can't be served.
func useless(token *azcore.AccessToken, scopes []string, now Instant) error {
	expiresOn := token.ExpiresOn.Round(0)
	switch {
	case token.Token == "":
		return fmt.Errorf("azoidc: the credential returned an empty token for %s", quoted(scopes))
	case !usable(token.Token):
		return fmt.Errorf("azoidc: the credential returned a token for %s with characters that no token has", quoted(scopes))
	case expiresOn.Unix() <= 0: // of a zero time, or of a zero in an answer
		return fmt.Errorf("azoidc: the credential returned a token for %s that doesn't say when it expires: its ExpiresOn is %s",
			quoted(scopes), expiresOn.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("azoidc: the credential returned a token for %s that expired at %s, %s ago; check this machine's clock",
		quoted(scopes), expiresOn.UTC().Format(time.RFC3339), time.Duration(now.Wall-unixNano(expiresOn)).Round(time.Second))
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
	runtime.Gosched() // to a credential that has a token at hand, before this goroutine is put to sleep
	if landing := t.flight.landing(); landing != nil {
		select {
		case <-landing:
		case <-ctx.Done():
			return azcore.AccessToken{}, fmt.Errorf("azoidc: stopped waiting for a token: %w", ctx.Err())
		}
	}
	switch {
	case t.flight.err == nil:
		return t.flight.token.token(), nil
	case t.held.works(c.now()):
		return t.held.token(), nil
	}
	return azcore.AccessToken{}, c.eachError(t.flight.err)
}
