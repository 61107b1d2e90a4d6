package testbed

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Tunnel is a proxy on loopback in front of a server, which can lose its connections without telling either end, as a NAT
// does that dropped its mapping.
type Tunnel struct {
	listener net.Listener
	target   string
	accepted atomic.Int32

	mu   sync.Mutex
	live []*passage
}

// A passage is one connection through a tunnel.
type passage struct {
	ends [2]net.Conn
	lost atomic.Bool
}

// NewTunnel leads to the server at address until the test ends.
func NewTunnel(t testing.TB, address string) *Tunnel {
	t.Helper()
	target, err := url.Parse(address)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tunnel := &Tunnel{listener: listener, target: target.Host}
	go tunnel.accept()
	t.Cleanup(tunnel.close)
	return tunnel
}

// URL is where the tunnel begins.
func (t *Tunnel) URL() string { return "https://" + t.listener.Addr().String() }

// Connections counts those made so far.
func (t *Tunnel) Connections() int { return int(t.accepted.Load()) }

// Lose loses the connections that there are: nothing comes out of them any more, at neither end. Later ones work.
func (t *Tunnel) Lose() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.live {
		p.lost.Store(true)
	}
}

func (t *Tunnel) accept() {
	for {
		near, err := t.listener.Accept()
		if err != nil {
			return // closed
		}
		far, err := net.Dial("tcp", t.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		t.accepted.Add(1)
		p := &passage{ends: [2]net.Conn{near, far}}
		t.mu.Lock()
		t.live = append(t.live, p)
		t.mu.Unlock()
		go p.carry(near, far)
		go p.carry(far, near)
	}
}

// carry carries until an end is closed; what a lost connection carries is gone.
func (p *passage) carry(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil && !p.lost.Load() {
			p.close()
		}
		if err != nil {
			return
		}
		if p.lost.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			p.close()
			return
		}
	}
}

func (p *passage) close() {
	for _, end := range p.ends {
		_ = end.Close() // it may be closed
	}
}

func (t *Tunnel) close() {
	_ = t.listener.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.live {
		p.close()
	}
}
