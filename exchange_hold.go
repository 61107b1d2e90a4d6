package azoidc

import (
	"context"
	"sync"
	"time"
)

// A hold keeps all scopes of a credential back while Entra wants it to be left alone: Entra counts requests by
// application and tenant, so a 429 for one scope is one for all.
type hold struct {
	mu    sync.Mutex
	until time.Time
}

// extend makes the hold last for d from now, if it doesn't already last longer.
func (h *hold) extend(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until := time.Now().Add(d); until.After(h.until) {
		h.until = until
	}
}

// left is how long the hold still lasts.
func (h *hold) left() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(time.Until(h.until), 0)
}

// wait returns how long is left of a hold that ctx can't outlast, at once; otherwise 0 once the hold is over. Those who
// waited leave one after another over a second, lest they cause the next hold.
func (h *hold) wait(ctx context.Context) time.Duration {
	for left := h.left(); left > 0; left = h.left() {
		if !leaves(ctx, left) {
			return left
		}
		if !sleep(ctx, left+spread(time.Second, 0, 1)) {
			return h.left()
		}
	}
	return 0
}
