package main

import (
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/outbound"
)

// clock is a transport that reads the servers' clocks in passing.
type clock struct {
	inner policy.Transporter

	mu   sync.Mutex
	best time.Duration // the time that the request took that diff was measured by
	diff time.Duration // how far the server is ahead of this machine
}

func newClock(inner policy.Transporter) *clock { return &clock{inner: outbound.Transport(inner)} }

// Do is the inner transport's.
func (c *clock) Do(r *http.Request) (*http.Response, error) {
	began := time.Now()
	response, err := c.inner.Do(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		c.read(date, began, time.Since(began))
	}
	return response, nil
}

// read keeps the measurement by the fastest request, the one with the least doubt about when the server read its clock.
func (c *clock) read(date, began time.Time, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.best == 0 || took < c.best {
		c.best = max(took, 1)
		// A Date header has whole seconds, cut off: half of one is the likeliest rest.
		c.diff = date.Add(time.Second / 2).Sub(began.Add(took / 2))
	}
}

// offset is false when no server was heard.
func (c *clock) offset() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.diff, c.best > 0
}
