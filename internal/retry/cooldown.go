package retry

import (
	"context"
	"sync"
	"time"
)

// A Cooldown keeps all scopes of a credential back while Entra wants to be left alone: Entra counts requests by
// application and tenant, so a 429 for one scope is one for all. It is safe for concurrent use.
type Cooldown struct {
	mu    sync.Mutex
	until time.Time
}

// Extend makes the cooldown last for d from now, if it doesn't already last longer.
func (c *Cooldown) Extend(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := time.Now().Add(d); until.After(c.until) {
		c.until = until
	}
}

// left is how long the cooldown still lasts.
func (c *Cooldown) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(time.Until(c.until), 0)
}

// Wait returns how long is left of a cooldown that ctx can't outlast, at once; otherwise 0 once it is over. Those who
// waited leave one after another over a second, lest they cause the next cooldown.
func (c *Cooldown) Wait(ctx context.Context) time.Duration {
	for left := c.left(); left > 0; left = c.left() {
		if !leaves(ctx, left) {
			return left
		}
		if !sleep(ctx, left+Spread(time.Second, 0, 1)) {
			return c.left()
		}
	}
	return 0
}
