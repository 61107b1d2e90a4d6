package tokencache

import (
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/internal/retry"
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

// A heldToken never changes. Its RefreshOn is always set, and never later than expiredOn.
type heldToken struct {
	azcore.AccessToken
	acquired  time.Time
	expiredOn time.Time
	claims    string // of the challenge that it was acquired for
	flight    uint64 // the number of the flight that brought it
}

// hold works out when token will be due. Wall-clock times are compared, not monotonic ones, which stand still while a
// machine sleeps.
func (c *Cache) hold(token azcore.AccessToken, now time.Time) *heldToken {
	now = now.Round(0)
	token.ExpiresOn = token.ExpiresOn.Round(0)
	life := token.ExpiresOn.Sub(now)
	h := &heldToken{AccessToken: token, acquired: now}
	h.expiredOn = token.ExpiresOn.Add(-min(expiryMargin, life/10))
	h.RefreshOn = c.refreshOn(token, now, life).UTC()
	if h.RefreshOn.After(h.expiredOn) {
		h.RefreshOn = h.expiredOn
	}
	return h
}

func (c *Cache) refreshOn(token azcore.AccessToken, now time.Time, life time.Duration) time.Time {
	before := min(defaultRefreshBefore, life/4)
	switch {
	case !token.RefreshOn.IsZero():
		before = token.ExpiresOn.Sub(token.RefreshOn)
	case c.options.RefreshBefore > 0:
		before = c.options.RefreshBefore
	}
	due := token.ExpiresOn.Add(-retry.Spread(before, 1, 1.1))
	// Not at once, whatever the caller or the server asked for: each new token would be refreshed again.
	if earliest := now.Add(life / 20); due.Before(earliest) {
		return earliest
	}
	return due
}

// freshness of no token is expired.
func (h *heldToken) freshness(now time.Time) freshness {
	switch {
	case h == nil:
		return expired
	case now.Before(h.RefreshOn):
		return fresh
	case now.Before(h.expiredOn):
		return stale
	}
	return expired
}

// works until the token's very end.
func (h *heldToken) works(now time.Time) bool { return h != nil && now.Before(h.ExpiresOn) }

func lastingLonger(a, b *heldToken) *heldToken {
	if a == nil || b != nil && b.ExpiresOn.After(a.ExpiresOn) {
		return b
	}
	return a
}

// answers tells whether the token was acquired for this very challenge, lately.
func (h *heldToken) answers(claims string, now time.Time) bool {
	return h.claims == claims && now.Before(h.acquired.Add(claimsMemory)) && now.Before(h.expiredOn)
}
