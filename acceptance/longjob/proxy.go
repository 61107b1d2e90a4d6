package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
)

// newProxy starts a proxy whose CONNECT leads to the server at address, whatever host is asked for: the cloud stands for all
// of Azure's hosts under their own names.
func newProxy(address string) (*httptest.Server, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "this proxy is for https only", http.StatusMethodNotAllowed)
			return
		}
		far, err := net.Dial("tcp", target.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = far.Close()
			return
		}
		if _, err = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err == nil {
			carry(near, far)
		}
		_ = near.Close()
		_ = far.Close()
	})), nil
}

// carry returns when either end is closed.
func carry(near, far net.Conn) {
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // ends when an end does
			_ = to.Close()
		})
	}
	both.Wait()
}
