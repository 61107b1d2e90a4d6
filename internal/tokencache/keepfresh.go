package tokencache

import (
	"context"
	"time"
)

const (
	// lookAgain bounds how late KeepFresh notices that the wall clock was set, or that the machine slept.
	lookAgain = time.Minute
	// noticeable is how far the two clocks may drift apart before all is worked out anew.
	noticeable = time.Second
	// keptAtOnce bounds the refreshes that KeepFresh has under way, for where each of very many takes long.
	keptAtOnce = 256
)

// KeepFresh is azoidc.TokenCache's.
func (c *Cache) KeepFresh(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	k := c.newKeeper()
	defer c.keepers.remove(k)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(k.refreshDue(ctx))
		select {
		case <-timer.C:
		case <-k.changed:
		case <-ctx.Done():
			k.giveUp()
			return ctx.Err()
		}
	}
}

// A keeper is one KeepFresh.
type keeper struct {
	cache   *Cache
	news    changes       // entries to look at
	changed chan struct{} // tells of news
	queue   queue
	begun   map[*entry]*flight // until they have landed
	offset  int64              // of the wall clock to the monotonic one, when all was last worked out anew
}

func (c *Cache) newKeeper() *keeper {
	k := &keeper{cache: c, changed: make(chan struct{}, 1), queue: newQueue(), begun: map[*entry]*flight{}}
	c.keepers.add(k) // before the entries are listed, so that none is missed
	k.news.add(c.table.all()...)
	return k
}

// refreshDue begins the refreshes that are due and returns how long nothing will be to do, if nothing changes.
func (k *keeper) refreshDue(ctx context.Context) time.Duration {
	now := k.cache.now()
	k.workOutAnew(now)
	for _, e := range k.news.take() {
		k.forgetLanded(e)
		k.enqueue(e, now)
	}
	for len(k.begun) < keptAtOnce && ctx.Err() == nil {
		e := k.queue.popDue(now.Mono)
		if e == nil {
			return min(k.queue.next(now.Mono), lookAgain)
		}
		if f := e.refreshNow(ctx, k.cache, now); f != nil {
			k.begin(e, f)
		} else {
			k.enqueue(e, now)
		}
	}
	return lookAgain // a landing makes room
}

func (k *keeper) enqueue(e *entry, now Instant) {
	if left, ok := e.dueIn(now); ok {
		k.queue.set(e, add(now.Mono, left))
	} else {
		k.queue.remove(e)
	}
}

// workOutAnew is for when the wall clock was set or the machine slept: then all is due at another time.
func (k *keeper) workOutAnew(now Instant) {
	offset := now.offset()
	if moved := time.Duration(offset - k.offset); moved.Abs() < noticeable {
		return
	}
	k.offset = offset
	k.news.add(k.queue.entries()...)
}

func (i Instant) offset() int64 { return i.Wall - i.Mono }

// dueIn is how long the entry's token isn't to be refreshed yet; false when there is none or a flight is under way, whose
// landing is news.
func (e *entry) dueIn(now Instant) (time.Duration, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lockedDueIn(now)
}

func (e *entry) lockedDueIn(now Instant) (time.Duration, bool) {
	held := e.held.Load()
	if held == nil || len(e.flights) > 0 || e.dropped {
		return 0, false
	}
	return max(held.due.left(now), e.retryAt.left(now), 0), true
}

// refreshNow begins a refresh if it is due still.
func (e *entry) refreshNow(ctx context.Context, c *Cache, now Instant) *flight {
	e.mu.Lock()
	defer e.mu.Unlock()
	if left, ok := e.lockedDueIn(now); !ok || left > 0 {
		return nil
	}
	return e.refresh(ctx, c, now)
}

// begin keeps f in mind. An earlier one of the same entry can only be from before an Invalidate.
func (k *keeper) begin(e *entry, f *flight) {
	if earlier := k.begun[e]; earlier != nil && e.giveUp(earlier) {
		earlier.context.end(context.Canceled)
	}
	k.begun[e] = f
}

// giveUp ends the refreshes that nobody waits for, all at once, and waits until they have ended.
func (k *keeper) giveUp() {
	var ending []*flight
	for e, f := range k.begun {
		if e.giveUp(f) {
			f.context.end(context.Canceled)
			ending = append(ending, f)
		}
	}
	for _, f := range ending {
		if landing := f.landing(); landing != nil {
			<-landing
		}
	}
}

// giveUp tells whether nobody waits for f. Then nobody can join it any more, and its end is no failure.
func (e *entry) giveUp(f *flight) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.waiters > 0 || f.landed {
		return false
	}
	e.remove(f)
	e.outdated = max(e.outdated, f.number)
	return true
}

func (k *keeper) forgetLanded(e *entry) {
	if f := k.begun[e]; f != nil && f.hasLanded() {
		delete(k.begun, e)
	}
}
