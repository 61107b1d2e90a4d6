package login

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
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

func (e *examination) readClock() (string, error) {
	offset, ok := e.clock.offset()
	if !ok {
		return "", skipped("no server told its time")
	}
	seconds := int64(offset.Round(time.Second) / time.Second)
	e.found.ClockOffset = &seconds
	text := "this machine's clock is " + advice.DescribeOffset(offset)
	if offset.Abs() >= advice.WrongClock {
		return "", fmt.Errorf("%s: set it, because tokens are valid by the clock", text)
	}
	return text, nil
}

// A job's token is minutes old at most where its system makes a new one for each request.
const oldToken = 10 * time.Minute

// tokenTimes judges the OIDC token by the servers' clock and by this machine's: what is sane by one of them is sane.
func (e *examination) tokenTimes() (string, error) {
	offset, _ := e.clock.offset()
	detail, err := timesAt(e.claims, e.received.Add(offset))
	if err == nil {
		return detail, nil
	}
	if detail, mine := timesAt(e.claims, e.received); mine == nil {
		return detail, nil
	}
	return "", err
}

func timesAt(c azoidc.Claims, now time.Time) (string, error) {
	switch {
	case c.ExpiresAt.IsZero():
		return "", questionable("it says no end (exp), and Entra wants one")
	case c.ExpiresAt.Before(c.IssuedAt):
		return "", fmt.Errorf("it ends before it was issued: the system that issues it is wrong")
	case now.After(c.ExpiresAt):
		return "", fmt.Errorf("it had ended %s before it came: its source hands out a cached one; run the job again", round(now.Sub(c.ExpiresAt)))
	case c.IssuedAt.Sub(now) >= advice.WrongClock:
		return "", fmt.Errorf("it was issued %s in the future: the clock of the system that issues it is wrong, or a proxy changes the Date header", round(c.IssuedAt.Sub(now)))
	case c.NotBefore.Sub(now) >= advice.WrongClock:
		return "", fmt.Errorf("it isn't valid for another %s (nbf)", round(c.NotBefore.Sub(now)))
	case !c.IssuedAt.IsZero() && now.Sub(c.IssuedAt) > oldToken:
		return "", questionable(fmt.Sprintf("it was %s old when it came, and ends in %s: its source hands out cached ones, as Azure DevOps does for up to a day, "+
			"so that a job may get one that ends soon", round(now.Sub(c.IssuedAt)), round(c.ExpiresAt.Sub(now))))
	}
	return fmt.Sprintf("issued when it was asked for, lives for %s", round(c.ExpiresAt.Sub(now))), nil
}

func round(d time.Duration) time.Duration { return d.Round(time.Second) }
