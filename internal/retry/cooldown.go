package retry

import (
	"context"
	"sync"
	"time"
)

const (
	// longestCooldown is as long as MSAL throttles a client at most, whatever the service asked for.
	// https://github.com/AzureAD/microsoft-authentication-library-for-js/blob/dev/lib/msal-common/docs/client-side-throttling.md
	longestCooldown = time.Hour
	// probeEvery is how often one attempt during a cooldown finds out whether it is still meant: the longest time for which
	// azcore obeys a Retry-After.
	probeEvery = time.Minute
)

// Cooldowns keep all scopes of a credential back while Entra wants to be left alone: Entra counts requests by application
// and tenant, so a 429 for one scope is one for all of that tenant. The zero value is ready, and safe for concurrent use.
type Cooldowns struct {
	mu      sync.Mutex
	tenants map[string]*cooldown
}

type cooldown struct {
	until, probe time.Time
	lifted       chan struct{}
}

// Extend makes the tenant's cooldown last for d from now, if it doesn't already last longer.
func (c *Cooldowns) Extend(tenant string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.forgetOver(now)
	one := c.tenants[tenant]
	if one == nil {
		if c.tenants == nil {
			c.tenants = map[string]*cooldown{}
		}
		one = &cooldown{lifted: make(chan struct{})}
		c.tenants[tenant] = one
	}
	if until := now.Add(min(d, longestCooldown)); until.After(one.until) {
		one.until = until
	}
	one.probe = now.Add(probeEvery)
}

// forgetOver bounds the memory of a credential for ever new tenants.
func (c *Cooldowns) forgetOver(now time.Time) {
	for tenant, one := range c.tenants {
		if !now.Before(one.until) {
			delete(c.tenants, tenant)
		}
	}
}

// Lift ends the tenant's cooldown.
func (c *Cooldowns) Lift(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.tenants[tenant]; one != nil {
		close(one.lifted)
		delete(c.tenants, tenant)
	}
}

// LiftAll ends all cooldowns.
func (c *Cooldowns) LiftAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.tenants {
		close(one.lifted)
	}
	c.tenants = nil
}

// Wait returns how long is left of a cooldown that ctx can't outlast, at once; otherwise 0 once it is over. Those who
// waited leave one after another over a second, lest they cause the next cooldown. Now and then Wait lets one probe through
// a cooldown; the caller tells what came of it by Extend or Lift.
func (c *Cooldowns) Wait(ctx context.Context, tenant string) time.Duration {
	for {
		asked := time.Now()
		left, lifted := c.left(tenant)
		switch {
		case left <= 0:
			return 0
		case !leaves(ctx, left), !sleepUnless(ctx, left+Spread(time.Second, 0, 1), lifted):
			return max(left-time.Since(asked), 1)
		}
	}
}

// left is how long the tenant's cooldown still lasts, unless the caller is to probe, and a channel that is closed when it is
// lifted.
func (c *Cooldowns) left(tenant string) (time.Duration, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.tenants[tenant]
	now := time.Now()
	switch {
	case one == nil:
		return 0, nil
	case !now.Before(one.probe):
		one.probe = now.Add(probeEvery)
		return 0, nil
	}
	return one.until.Sub(now), one.lifted
}

// sleepUnless returns early when lifted is closed, and false when ctx ends first.
func sleepUnless(ctx context.Context, d time.Duration, lifted <-chan struct{}) bool {
	select {
	case <-time.After(d):
	case <-lifted:
	case <-ctx.Done():
		return false
	}
	return true
}
