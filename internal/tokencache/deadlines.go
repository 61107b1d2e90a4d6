package tokencache

import (
	"context"
	"sync"
	"time"
)

// patience is how much longer than its deadline a flight waits for a credential to say why it failed; then it is given
// up, though the credential goes on.
const patience = time.Second

// deadlines end flights that take too long. One timer rings for all of a cache's, because a timer of its own would be a third
// of what a new key costs. The timer knows the flights only, lest it keep a cache that nobody uses any more.
type deadlines struct {
	mu          sync.Mutex
	first, last *flight   // of those under way, in the order they began; all have the same time
	alarm       time.Time // when the timer rings, never after a flight's deadline; zero while there is none
}

// deadline is a flight's place among the others.
type deadline struct {
	before, after *flight
	listed        bool
}

// add is for a flight that begins at now, whose context's deadline is so far ahead.
func (d *deadlines) add(f *flight, now time.Time, timeout time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f.deadline = deadline{before: d.last, listed: true}
	if d.last == nil {
		d.first = f
	} else {
		d.last.deadline.after = f
	}
	d.last = f
	// An alarm that is further ahead than any can be was set by another clock, as in a test with a virtual one.
	if left := d.alarm.Sub(now); left <= 0 || left > timeout {
		d.set(f.context.deadline, timeout)
	}
}

// remove is for a flight that has landed.
func (d *deadlines) remove(f *flight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unlist(f)
}

func (d *deadlines) unlist(f *flight) {
	place := f.deadline
	if !place.listed {
		return
	}
	if place.before == nil {
		d.first = place.after
	} else {
		place.before.deadline.after = place.after
	}
	if place.after == nil {
		d.last = place.before
	} else {
		place.after.deadline.before = place.before
	}
	f.deadline = deadline{}
}

// set sets the alarm to a time that is so far ahead.
func (d *deadlines) set(at time.Time, ahead time.Duration) {
	d.alarm = at
	time.AfterFunc(ahead, func() {
		for _, f := range d.ring(at) {
			f.context.end(context.DeadlineExceeded)
			time.AfterFunc(patience, f.giveUp)
		}
	})
}

// ring returns the flights whose time is over at now, and sets the alarm for the others.
func (d *deadlines) ring(now time.Time) []*flight {
	d.mu.Lock()
	defer d.mu.Unlock()
	var late []*flight
	for d.first != nil && !d.first.context.deadline.After(now) {
		late = append(late, d.first)
		d.unlist(d.first)
	}
	d.alarm = time.Time{}
	if d.first != nil {
		d.set(d.first.context.deadline, d.first.context.deadline.Sub(now))
	}
	return late
}
