package outbound

import (
	"net/http"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// connections are what requests go out on.
type connections struct {
	client policy.Transporter
	// abandon is called when one of them may be dead, so that later requests go out on others.
	abandon func()
}

// A pool begins with first, if it is set, and makes more once it was abandoned.
type pool struct {
	first  *http.Client
	more   func() *http.Client
	latest atomic.Pointer[connections]
}

func (p *pool) connections() connections {
	for {
		if latest := p.latest.Load(); latest != nil {
			return *latest
		}
		client := p.first
		if client == nil {
			client = p.more()
		}
		p.latest.CompareAndSwap(nil, p.of(client))
	}
}

func (p *pool) of(client *http.Client) *connections {
	client = withoutRedirects(client)
	c := &connections{client: client}
	c.abandon = func() {
		if p.latest.CompareAndSwap(c, p.of(p.more())) { // only the first of many who were on c
			client.CloseIdleConnections()
		}
	}
	return c
}

// poolOf returns a pool of the caller's own client, whose settings all connections have; nil when it isn't known how to
// make more of its kind.
func poolOf(client *http.Client) *pool {
	inner := client.Transport
	if inner == nil {
		inner = http.DefaultTransport
	}
	transport, ok := inner.(*http.Transport)
	if !ok {
		return nil
	}
	return &pool{first: client, more: func() *http.Client {
		another := *client
		another.Transport = transport.Clone()
		return &another
	}}
}

// fixed are the connections of a transporter of the caller's own. Those that are idle can be closed where it offers that,
// now, and before the next request: HTTP/2 needs a moment to find that a connection is idle.
func fixed(client policy.Transporter) func() connections {
	closer, ok := client.(interface{ CloseIdleConnections() })
	if !ok {
		return func() connections { return connections{client: client, abandon: func() {}} }
	}
	var again atomic.Bool
	return func() connections {
		if again.Swap(false) {
			closer.CloseIdleConnections()
		}
		return connections{client: client, abandon: func() {
			closer.CloseIdleConnections()
			again.Store(true)
		}}
	}
}
