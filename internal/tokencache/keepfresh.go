package tokencache

import (
	"context"
	"sync/atomic"
	"time"
)

// KeepFresh is azoidc.TokenCache's.
func (c *Cache) KeepFresh(ctx context.Context) error {
	begun := map[*flight]*entry{}
	for {
		news := c.news.next()
		next := c.refreshDue(ctx, begun)
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-news:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			for f, e := range begun {
				e.giveUp(f)
			}
			return ctx.Err()
		}
		forgetLanded(begun)
	}
}

// refreshDue begins the refreshes that are due and returns when the next one will be.
func (c *Cache) refreshDue(ctx context.Context, begun map[*flight]*entry) time.Time {
	now := time.Now()
	next := now.Add(time.Hour)
	for _, e := range c.entries.Load().all {
		due, ok := e.due()
		switch {
		case !ok:
		case due.After(now):
			next = earlier(next, due)
		default:
			if f := e.refreshNow(ctx, c, now); f != nil {
				begun[f] = e
			}
		}
	}
	return next
}

// due is when the entry's token is to be refreshed next; false when there is none or a flight is under way, whose
// landing is news.
func (e *entry) due() (time.Time, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	held := e.held.Load()
	if held == nil || len(e.flights) > 0 {
		return time.Time{}, false
	}
	if e.retryAt.After(held.RefreshOn) {
		return e.retryAt, true
	}
	return held.RefreshOn, true
}

func (e *entry) refreshNow(ctx context.Context, c *Cache, now time.Time) *flight {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dropped || e.held.Load() == nil {
		return nil
	}
	return e.refresh(ctx, c, now)
}

// giveUp ends f if nobody waits for it, and waits until it has ended.
func (e *entry) giveUp(f *flight) {
	e.mu.Lock()
	idle := f.waiters == 0 && !f.landed
	if idle {
		e.remove(f)                            // so that nobody joins it any more
		e.outdated = max(e.outdated, f.number) // its end is no failure
	}
	e.mu.Unlock()
	if idle {
		f.cancel()
		<-f.done
	}
}

func forgetLanded(begun map[*flight]*entry) {
	for f := range begun {
		select {
		case <-f.done:
			delete(begun, f)
		default:
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// news wakes all who wait for a change in the cache.
type news struct {
	channel atomic.Pointer[chan struct{}]
}

// next returns a channel that is closed by the next tell.
func (n *news) next() <-chan struct{} {
	for {
		if channel := n.channel.Load(); channel != nil {
			return *channel
		}
		channel := make(chan struct{})
		n.channel.CompareAndSwap(nil, &channel)
	}
}

func (n *news) tell() {
	if channel := n.channel.Swap(nil); channel != nil {
		close(*channel)
	}
}
