package tokenserver

import (
	"net"
	"net/netip"
	"sync"
)

// containers are the addresses of Options.Containers.
type containers []netip.Prefix

// admits tells whether a request may come from the address.
func (c containers) admits(address string) bool {
	if isLoopback(address) {
		return true
	}
	from, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, network := range c {
		if network.Masked().Contains(from.Unmap()) {
			return true
		}
	}
	return false
}

// named tells whether a Host header may have this host. Names other than localhost can be led anywhere (DNS rebinding).
func (c containers) named(host string) bool {
	if isLoopback(host) {
		return true
	}
	return len(c) > 0 && host == c[0].Addr().String()
}

// listen listens on loopback, and on the first of the containers' networks, at the same port. url names the latter.
func (c containers) listen() (listener net.Listener, url string, err error) {
	if len(c) == 0 {
		listener, err = net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, "", err
		}
		return listener, "http://" + listener.Addr().String(), nil
	}
	for range 100 { // the port may be taken at the other address
		var both [2]net.Listener
		if both[1], err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
			return nil, "", err
		}
		_, port, _ := net.SplitHostPort(both[1].Addr().String())
		if both[0], err = net.Listen("tcp", net.JoinHostPort(c[0].Addr().String(), port)); err == nil {
			return join(both[:]), "http://" + both[0].Addr().String(), nil
		}
		_ = both[1].Close()
	}
	return nil, "", err
}

// joined is several listeners as one.
type joined struct {
	net.Listener // the first
	all          []net.Listener
	accepted     chan accepted
	closed       chan struct{}
	once         sync.Once
}

type accepted struct {
	conn net.Conn
	err  error
}

func join(all []net.Listener) *joined {
	j := &joined{Listener: all[0], all: all, accepted: make(chan accepted), closed: make(chan struct{})}
	for _, one := range all {
		go j.acceptFrom(one)
	}
	return j
}

func (j *joined) acceptFrom(one net.Listener) {
	for {
		conn, err := one.Accept()
		select {
		case j.accepted <- accepted{conn, err}: // an http.Server waits before it asks again after an error
		case <-j.closed:
			if err == nil {
				_ = conn.Close()
			}
			return
		}
	}
}

func (j *joined) Accept() (net.Conn, error) {
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

// Close makes Accept return.
func (j *joined) Close() error {
	var first error
	j.once.Do(func() {
		close(j.closed)
		for _, one := range j.all {
			if err := one.Close(); first == nil {
				first = err
			}
		}
	})
	return first
}
