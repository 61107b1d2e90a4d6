package tokencache

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	// defaultRoom bounds the memory of a program that asks for ever new scopes and tenants: about 1 KB each beside the token.
	defaultRoom = 1 << 17
	// sweptAtOnce is how many buckets a new key looks at for entries without use: more than it puts into use, lest the hand never
	// get round in a table that grows.
	sweptAtOnce = 2
	// sweepInterval is the least from the beginning of one turn of the hand to the next.
	sweepInterval = 10 * time.Minute
	// sample is how many buckets, by chance, are looked at for the entry to drop where there are too many.
	sample = 6
	// forgetAfter is how long an entry without a usable token stays, for its last error.
	forgetAfter = time.Hour

	forever time.Duration = math.MaxInt64
)

// A hand goes round the table's buckets while new keys come. The table's lock guards it.
type hand struct {
	at    uint64 // the next bucket
	began int64  // the turn, by the monotonic clock
}

// sweep makes room under the table's lock: it drops what it meets that has been of no use for long, and, where there are too
// many, the one of a sample that ends first.
func (c *Cache) sweep(now Instant) {
	h := &c.table.hand
	if c.table.count > 0 && (h.at > 0 || now.Mono-h.began >= int64(sweepInterval)) {
		if h.at == 0 {
			h.began = now.Mono
		}
		c.dropUseless(now)
	}
	for tries := 0; c.table.count >= c.room() && tries < 2; tries++ {
		c.evict(now)
	}
}

// dropUseless looks at the next buckets, or those that are left in this turn.
func (c *Cache) dropUseless(now Instant) {
	h := &c.table.hand
	for range sweptAtOnce {
		for _, e := range c.table.bucket(h.at).all() {
			if e.drop(now, forgetAfter) {
				c.dropped(e)
			}
		}
		if h.at++; h.at >= c.table.used.Load() {
			h.at = 0
			return
		}
	}
}

// room is how many entries there may be, beside those whose flights are under way.
func (c *Cache) room() int {
	if c.options.Room > 0 {
		return c.options.Room
	}
	return defaultRoom
}

// evict drops one entry, unless all of the sample have flights under way.
func (c *Cache) evict(now Instant) {
	var first *entry
	for range sample {
		for _, e := range c.table.bucket(rand.Uint64N(c.table.used.Load())).all() {
			if !e.flying() && (first == nil || e.end(now) < first.end(now)) {
				first = e
			}
		}
	}
	if first != nil && first.drop(now, math.MinInt64) {
		c.dropped(first)
	}
}

func (c *Cache) dropped(e *entry) {
	c.table.remove(e)
	c.tell(e)
}

// drop gives the entry up, unless a flight is under way or it was of use less than unused ago.
func (e *entry) drop(now Instant, unused time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dropped = len(e.flights) == 0 && now.Mono-e.touched > int64(unused) && -e.end(now) > unused
	return e.dropped
}

func (e *entry) flying() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.flights) > 0
}

// end is how long the entry's token still lasts; far below zero if it holds none.
func (e *entry) end(now Instant) time.Duration {
	if held := e.held.Load(); held != nil {
		return held.end.left(now)
	}
	return -forever
}
