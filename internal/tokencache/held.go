package tokencache

import (
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/internal/redact"
)

// A freshness says what a held token is good for.
type freshness int

const (
	fresh   freshness = iota // served
	stale                    // served, and refreshed in the background
	expired                  // callers wait for another one
)

const (
	// expiryMargin is how long before its end a token counts as expired: services refuse it a little early, and a
	// request takes its time. For a short-lived token it is a tenth of its life.
	expiryMargin = 30 * time.Second
	// defaultRefreshBefore leaves time to outlive an outage. For a short-lived token it is a quarter of its life.
	defaultRefreshBefore = 15 * time.Minute
	// claimsMemory is how long after an acquisition for a claims challenge the same claims are answered from the
	// cache: long enough for all who were challenged together, short enough for a challenge that comes again.
	claimsMemory = 5 * time.Minute
)

// A heldToken never changes. Its RefreshOn is always set. Its first three instants, in this order, count by both clocks.
type heldToken struct {
	issued   azcore.AccessToken // without its Token, which no printer of whatever leads here may show
	secret   redact.Secret
	due      Instant // RefreshOn
	expired  Instant
	end      Instant // ExpiresOn
	recently Instant // when the claims it was acquired for are forgotten
	claims   string  // of the challenge that it was acquired for
	flight   uint64  // the number of the flight that brought it
}

// hold works out when token, just acquired, will be due.
func (c *Cache) hold(token *azcore.AccessToken, now Instant) *heldToken {
	life := time.Duration(sub(unixNano(token.ExpiresOn), now.Wall))
	expiresIn := life - min(expiryMargin, life/10)
	h := &heldToken{
		issued:   azcore.AccessToken{ExpiresOn: token.ExpiresOn.Round(0)},
		secret:   redact.Keep(token.Token),
		due:      now.plus(min(c.refreshIn(token, life), expiresIn)),
		expired:  now.plus(expiresIn),
		end:      now.plus(life),
		recently: now.plus(claimsMemory),
	}
	h.issued.RefreshOn = time.Unix(0, h.due.Wall).UTC()
	return h
}

// token is what callers get.
func (h *heldToken) token() azcore.AccessToken {
	return azcore.AccessToken{Token: h.secret.Reveal(), ExpiresOn: h.issued.ExpiresOn, RefreshOn: h.issued.RefreshOn}
}

// refreshIn is how long after its acquisition a token that lasts for life is refreshed.
func (c *Cache) refreshIn(token *azcore.AccessToken, life time.Duration) time.Duration {
	before := min(defaultRefreshBefore, life/4)
	switch {
	case !token.RefreshOn.IsZero():
		before = token.ExpiresOn.Sub(token.RefreshOn)
	case c.options.RefreshBefore > 0:
		before = c.options.RefreshBefore
	}
	before = c.options.Spread(max(min(before, life, longest), 0), 1, 1.1)
	// Not at once, whatever the caller or the server asked for: each new token would be refreshed again.
	return max(life-before, life/20)
}

// freshness of no token is expired.
func (h *heldToken) freshness(now Instant) freshness {
	switch {
	case h == nil:
		return expired
	case h.due.ahead(now):
		return fresh
	case h.expired.ahead(now):
		return stale
	}
	return expired
}

// works until the token's very end.
func (h *heldToken) works(now Instant) bool { return h != nil && h.end.ahead(now) }

// bringsNothing tells that other is the same token again, or one that lasts no longer: a credential with a cache of its own
// handed it out.
func (h *heldToken) bringsNothing(other *heldToken, now Instant) bool {
	if other.secret.Reveal() == h.secret.Reveal() && !other.issued.ExpiresOn.After(h.issued.ExpiresOn) {
		return true // whatever the clock, which may have been set meanwhile, says of how long it lasts
	}
	return other.end.left(now) <= h.end.left(now)
}

func lastingLonger(a, b *heldToken, now Instant) *heldToken {
	if a == nil || b != nil && b.end.left(now) > a.end.left(now) {
		return b
	}
	return a
}

// answers tells whether the token was acquired for this very challenge, lately.
func (h *heldToken) answers(claims string, now Instant) bool {
	return h != nil && h.claims == claims && h.recently.ahead(now) && h.expired.ahead(now)
}
