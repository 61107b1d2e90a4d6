package testkit

import (
	"net/http"
	"time"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// WithWrongClock is a cloud all of whose services are so far ahead of this machine, as far as a client can tell: by the Date of
// their answers and by the end of their assertions. offset may be negative, for a machine that is ahead. It changes cloud.
func WithWrongClock(cloud *azoidctest.Cloud, offset time.Duration) testbed.TransportFunc {
	cloud.SetAssertionLifetime(5*time.Minute + offset)
	cloud.SetClockTolerance(offset.Abs() + 5*time.Minute)
	return func(r *http.Request) (*http.Response, error) {
		resp, err := cloud.Do(r)
		if err == nil {
			resp.Header.Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
		}
		return resp, err
	}
}
