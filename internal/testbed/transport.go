package testbed

import "net/http"

// A TransportFunc is a policy.Transporter.
type TransportFunc func(*http.Request) (*http.Response, error)

// Do calls f.
func (f TransportFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }
