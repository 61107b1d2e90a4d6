package tokencache

import (
	"math"
	"time"
)

// An Instant is a moment by two clocks, in nanoseconds. Neither is right alone: the wall clock can be set, and the
// monotonic one stands still while a machine sleeps.
type Instant struct {
	Wall int64 // since 1970, as of time.Time.UnixNano
	Mono int64 // since some moment in the past
}

// now costs a hit one reading of both clocks.
func (c *Cache) now() Instant {
	if c.options.Clock != nil {
		return c.options.Clock()
	}
	now := time.Now()
	return Instant{now.UnixNano(), int64(now.Sub(c.made))}
}

// real is the moment of i as a time to count down to. It has a monotonic reading.
func (c *Cache) real(i Instant) time.Time { return c.made.Add(time.Duration(i.Mono)) }

func (i Instant) plus(d time.Duration) Instant {
	return Instant{add(i.Wall, d), add(i.Mono, d)}
}

// ahead holds while neither clock has reached i: what ends then hasn't ended.
func (i Instant) ahead(now Instant) bool { return now.Mono < i.Mono && now.Wall < i.Wall }

// left is how long i is ahead of now, by the clock that reaches it first; not positive once one has.
func (i Instant) left(now Instant) time.Duration {
	return time.Duration(min(sub(i.Wall, now.Wall), sub(i.Mono, now.Mono)))
}

// unixNano is the first or last nanosecond of those that can be counted where t is beyond them, in 1677 and 2262.
func unixNano(t time.Time) int64 {
	switch seconds := t.Unix(); {
	case seconds >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	case seconds <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	}
	return t.UnixNano()
}

// add ends at the greatest number there is.
func add(a int64, d time.Duration) int64 {
	if sum := a + int64(d); sum >= a || d < 0 {
		return sum
	}
	return math.MaxInt64
}

// sub ends at the greatest number there is.
func sub(a, b int64) int64 {
	if difference := a - b; difference >= 0 == (a >= b) {
		return difference
	}
	return math.MaxInt64
}
