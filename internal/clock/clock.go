// Package clock tells the time of services, as their answers' Date headers have it: this machine's clock may be wrong.
package clock

import (
	"net/http"
	"sync/atomic"
	"time"
)

// A Service's clock is what its answers told. The zero value has heard nothing. It is safe for concurrent use.
type Service struct {
	latest atomic.Pointer[reading]
}

// A reading is what the service's clock said at a time of this machine's, whose monotonic clock no step of the other moves.
type reading struct {
	said, at time.Time
}

// Hear takes note of an answer that has just come.
func (s *Service) Hear(header http.Header) {
	if said, err := http.ParseTime(header.Get("Date")); err == nil {
		s.latest.Store(&reading{said, time.Now()})
	}
}

// Offset is how far the service's clock is ahead of this machine's now; false when it has told nothing.
func (s *Service) Offset() (time.Duration, bool) {
	latest := s.latest.Load()
	if latest == nil {
		return 0, false
	}
	return latest.said.Add(time.Since(latest.at)).Sub(time.Now().Round(0)), true
}

// Offset is how far the sender of header was ahead of this machine's clock at now; false when the header doesn't say.
func Offset(header http.Header, now time.Time) (time.Duration, bool) {
	said, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return said.Sub(now.Round(0)), true
}
