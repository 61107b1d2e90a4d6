package tokencache

import "time"

// An Instant is a moment by two clocks. Neither is right alone: the wall clock can be set, and the monotonic one stands
// still while a machine sleeps.
type Instant struct {
	Wall time.Time
	Mono time.Duration // since some moment in the past
}

// now costs a hit one reading of both clocks.
func (c *Cache) now() Instant {
	if c.options.Clock != nil {
		return c.options.Clock()
	}
	now := time.Now()
	return Instant{now, now.Sub(c.made)}
}

// plus has a wall time without a monotonic reading, which a comparison would prefer.
func (i Instant) plus(d time.Duration) Instant {
	return Instant{i.Wall.Round(0).Add(d), addUpTo(i.Mono, d)}
}

// until is the instant at which the wall clock will show t, if it isn't set until then.
func (i Instant) until(t time.Time) Instant {
	t = t.Round(0)
	return Instant{t, addUpTo(i.Mono, t.Sub(i.Wall))}
}

// ahead holds while neither clock has reached i: what ends then hasn't ended.
func (i Instant) ahead(now Instant) bool { return now.Mono < i.Mono && now.Wall.Before(i.Wall) }

// left is how long i is ahead of now, by the clock that reaches it first; not positive once one has.
func (i Instant) left(now Instant) time.Duration {
	return min(i.Wall.Sub(now.Wall), i.Mono-now.Mono)
}

func earlier(a, b Instant) Instant {
	if b.Wall.Before(a.Wall) {
		return b
	}
	return a
}

// addUpTo is a sum of which neither part is far below zero; it ends at the greatest duration.
func addUpTo(a, b time.Duration) time.Duration {
	if sum := a + b; sum >= a || b < 0 {
		return sum
	}
	return forever
}
