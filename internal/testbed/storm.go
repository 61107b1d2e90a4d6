package testbed

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// attacks are what somebody without the secret of a token endpoint does with a connection. None ends it.
var attacks = []string{
	"",
	"GET /MSI/token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-IDENTITY-",
	"GET /MSI/token?api-version=2019-08-01 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-IDENTITY-HEADER: " + strings.Repeat("0", 64) + "\r\n\r\n",
	"POST /MSI/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\nx",
	"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\nGET / HTTP/1.1\r\n",
	"\x16\x03\x01 no HTTP at all\r\n\r\n",
}

// Storm has somebody without the secret keep so many connections to the token endpoint at address, or as many as this
// process may have, and make them anew again and again. It returns when all are there, and ends at the latest with t. It
// skips t where not even a tenth of them can be.
func Storm(t testing.TB, address string, connections int) {
	t.Helper()
	most := descriptors() - 5000 // for the server, which may be in this process, and all else
	if most < connections/10 {
		t.Skipf("too few files may be open for a tenth of %d connections", connections)
	}
	conns := make([]net.Conn, min(connections, most))
	connect := func(i int) error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		_, _ = fmt.Fprint(conn, attacks[i%len(attacks)]) // it may have been closed already
		conns[i%len(conns)] = conn
		return nil
	}
	for i := range conns {
		if err := connect(i); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var raging sync.WaitGroup
	raging.Go(func() {
		for i := len(conns); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond): // others need the processor, too
			}
			_ = conns[i%len(conns)].Close()
			if connect(i) != nil { // the server has ended
				return
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		raging.Wait()
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
}
