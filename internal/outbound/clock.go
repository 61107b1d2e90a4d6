package outbound

import (
	"net/http"
	"sync/atomic"
	"time"
)

// A Clock is a service's, as its answers' Date headers have it: this machine's may be wrong. The zero value has heard nothing.
// It is safe for concurrent use.
type Clock struct {
	latest atomic.Pointer[reading]
}

// A reading is what the service's clock said at a time of this machine's, whose monotonic clock no step of the other moves.
type reading struct {
	said, at time.Time
}

// Hear takes note of an answer that has just come.
func (c *Clock) Hear(header http.Header) {
	if said, err := http.ParseTime(header.Get("Date")); err == nil {
		c.latest.Store(&reading{said, time.Now()})
	}
}

// Offset is how far the service's clock is ahead of this machine's now; false when it has told nothing.
func (c *Clock) Offset() (time.Duration, bool) {
	latest := c.latest.Load()
	if latest == nil {
		return 0, false
	}
	return latest.said.Add(time.Since(latest.at)).Sub(time.Now().Round(0)), true
}

// ClockOffset is how far the sender of header was ahead of this machine's clock at now; false when the header doesn't say.
func ClockOffset(header http.Header, now time.Time) (time.Duration, bool) {
	said, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return said.Sub(now.Round(0)), true
}
