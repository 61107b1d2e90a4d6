package azoidctest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

var errScheme = errors.New("the cloud is reached by https only")

// Do makes the cloud a policy.Transporter: it sends the request to the cloud in memory, as over a connection. It
// returns when the answer's headers are there, or the request's context has ended; the body is read while it is
// written. Redirects are returned, not followed. A name that isn't the cloud's doesn't resolve. The request's body is
// read before anything else, without regard to the context.
//
// In a [testing/synctest] bubble all waiting is durable, and no goroutine outlives the request's context or, after
// that, the closing of the body.
func (c *Cloud) Do(r *http.Request) (*http.Response, error) {
	response, err := c.roundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Redacted(), err)
	}
	return response, nil
}

// RoundTrip is [Cloud.Do], for an [net/http.Client] in memory.
func (c *Cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.roundTrip(r)
}

func (c *Cloud) roundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if r.URL.Scheme != "https" {
		return nil, errScheme
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if !c.resolves(r.URL.Host) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}}
	}
	return dial(r).send(c, body)
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	return body, errors.Join(err, r.Body.Close())
}
