package acceptance_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/azoidctest"
)

// A network is the way to the local cloud, in which the SDK's services have the hosts that their clients insist on:
// Key Vault's compares it with the challenge, Kusto's with a list.
type network struct {
	cloud   *azoidctest.Cloud
	options azcore.ClientOptions // of the cloud
	fronts  map[string]front     // by host
}

// A front answers a service's clients the way that very service does, where that differs from other services.
type front func(r *http.Request) (*http.Response, error)

// inMemory is the network of a synctest bubble.
func inMemory(cloud *azoidctest.Cloud) *network {
	return &network{cloud: cloud, options: cloud.ClientOptions(), fronts: map[string]front{}}
}

// overSockets is the network to a server, over TLS on loopback.
func overSockets(server *azoidctest.Server) *network {
	return &network{cloud: server.Cloud, options: server.ClientOptions(), fronts: map[string]front{}}
}

// clientOptions are for the SDK's clients. Their services are the public cloud's.
func (n *network) clientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: n}
}

// send brings a request to the cloud.
func (n *network) send(r *http.Request) (*http.Response, error) { return n.options.Transport.Do(r) }

// Do makes the network a policy.Transporter.
func (n *network) Do(r *http.Request) (*http.Response, error) {
	if front := n.fronts[r.URL.Host]; front != nil {
		return front(r)
	}
	return n.send(r)
}

// RoundTrip makes the network an http.RoundTripper, for clients that want an *http.Client.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) { return n.Do(r) }

// serve starts the service for an audience and gives it a host.
func (n *network) serve(host, audience string, handler http.HandlerFunc) *azoidctest.Service {
	service := n.cloud.Service(audience)
	service.Handle(handler)
	n.fronts[host] = func(r *http.Request) (*http.Response, error) { return n.forward(service, r) }
	return service
}

// forward sends the request to where the service really is.
func (n *network) forward(service *azoidctest.Service, r *http.Request) (*http.Response, error) {
	at, err := url.Parse(service.URL + r.URL.Path)
	if err != nil {
		return nil, err
	}
	at.RawQuery = r.URL.RawQuery
	forwarded := r.Clone(r.Context())
	forwarded.URL, forwarded.Host = at, at.Host
	return n.send(forwarded)
}

// answer is what a front says without asking the service.
func answer(r *http.Request, status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// readAll reads a request's body and leaves it readable.
func readAll(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// writeJSON is for handlers of services.
func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
