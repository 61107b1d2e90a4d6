// Package outbound is the border to everybody else's services and code. It is the only way out of this library: every
// request of both legs, for assertions and for access tokens, passes its [Transport]. Those for assertions tell which [Build]
// of this module sends them. What comes back is bounded, and also tells a service's time: [Clock]. A panic of somebody else's
// code becomes an error: [PanicError]. What listeners of Azure SDK clients are told goes to azcore's log: [LogRefusal],
// [LogEvent].
package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// ErrInsecure refuses a request that would carry a secret over plain http to another machine.
var ErrInsecure = errors.New("refused to send a credential over plain http")

// ErrRedirected refuses the answer of a transporter that followed a redirect on its own.
var ErrRedirected = errors.New("the transport followed a redirect, which a request for a token never may")

var errNothing = errors.New("the transport returned neither an answer nor an error")

type transport struct {
	connections func() connections
	isDefault   bool
}

// Transport makes inner, or azcore's kind of default client when inner is nil, safe for requests that carry secrets:
// https only, loopback excepted; no redirect is followed; at most [MaxAnswer] bytes of an answer are read; what comes with an
// answer's body, and errors, have passed the gate. After a timeout other connections are used, where inner is nil, an
// [http.Client], or can close its idle connections.
func Transport(inner policy.Transporter) policy.Transporter {
	if made, ok := inner.(transport); ok {
		return made
	}
	client, ok := inner.(*http.Client)
	switch {
	case inner == nil, ok && client == nil:
		return transport{connections: defaultPool.connections, isDefault: true}
	case !ok:
		return transport{connections: fixed(inner)}
	}
	if own := poolOf(client); own != nil {
		return transport{connections: own.connections}
	}
	return transport{connections: fixed(withoutRedirects(client))}
}

// IsDefault tells whether t is what [Transport] makes of nil.
func IsDefault(t policy.Transporter) bool {
	made, ok := t.(transport)
	return ok && made.isDefault
}

func (t transport) Do(req *http.Request) (*http.Response, error) {
	gate := redact.Against(sentIn(req)...)
	resp, err := t.send(req)
	return gated(gate, resp, err)
}

func (t transport) send(req *http.Request) (*http.Response, error) {
	if err := checkScheme(req.URL); err != nil {
		return nil, err
	}
	connections := t.connections()
	resp, err := connections.client.Do(req)
	switch {
	case err != nil:
		if isTimeout(err) {
			connections.abandon()
		}
		return nil, withoutURL(err)
	case resp == nil:
		return nil, errNothing
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	if from := redirectedFrom(resp); from != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: from %s to %s", ErrRedirected, from.Host, resp.Request.URL.Host)
	}
	return bounded(resp, connections.abandon)
}

// withoutURL takes off what http.Client wraps an error in, which names the whole URL, its query included.
func withoutURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func checkScheme(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%w: %s://%s is not https", ErrInsecure, u.Scheme, u.Host)
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// redirectedFrom tells whose redirect brought resp: net/http links the answer that caused a request to that request.
func redirectedFrom(resp *http.Response) *url.URL {
	if resp.Request == nil || resp.Request.Response == nil || resp.Request.Response.Request == nil {
		return nil
	}
	return resp.Request.Response.Request.URL
}
