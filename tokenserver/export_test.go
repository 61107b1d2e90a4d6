package tokenserver

import (
	"net"
	"net/http"
)

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

// NewDoor makes a door with room for only so many strangers, and returns what it must be told of each connection.
func NewDoor(listener net.Listener, strangers int) (net.Listener, func(net.Conn, http.ConnState)) {
	door := newDoor(listener)
	door.maxStrangers = strangers
	return door, door.watch
}

// Room is how many strangers, and how many of those admitted, a door has room for.
func Room() (strangers, admitted int) {
	door := newDoor(nil)
	return door.maxStrangers, door.maxAdmitted
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
