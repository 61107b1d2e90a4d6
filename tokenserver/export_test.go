package tokenserver

import "net"

// Serve is Start on a listener of the test's.
func Serve(handler *Handler, listener net.Listener) *Server {
	return serve(handler, newDoor(listener), "http://"+listener.Addr().String())
}

// ServeFew is Serve with room for only so many.
func ServeFew(handler *Handler, listener net.Listener, strangers, admitted int) *Server {
	door := newDoor(listener)
	door.maxStrangers, door.maxAdmitted = strangers, admitted
	return serve(handler, door, "http://"+listener.Addr().String())
}

// Join is how several addresses are listened to.
func Join(all ...net.Listener) net.Listener { return join(all) }

const (
	Path              = managedIdentityPath
	MaxQuery          = maxQuery
	MaxHeader         = maxHeader
	ReadHeaderTimeout = readHeaderTimeout
	WriteTimeout      = writeTimeout
	IdleTimeout       = idleTimeout
	CloseTimeout      = closeTimeout
	AnswerTimeout     = answerTimeout
	LastWords         = lastWords
	Patience          = patience
)
