package tokenserver

import "net"

// Serve is Start on a listener of the test's.
func Serve(handler *Handler, listener net.Listener) *Server {
	return serve(handler, listener, "http://"+listener.Addr().String())
}

const (
	Path              = managedIdentityPath
	MaxQuery          = maxQuery
	MaxHeader         = maxHeader
	ReadHeaderTimeout = readHeaderTimeout
	MaxStrangers      = maxStrangers
	MaxAdmitted       = maxAdmitted
	Patience          = patience
)
