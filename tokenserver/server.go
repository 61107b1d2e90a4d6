package tokenserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

const (
	// readHeaderTimeout and idleTimeout keep slow clients from holding connections.
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = time.Minute
	// writeTimeout leaves some time to write an answer that was long in coming. There is no ReadTimeout, because that
	// would end the waiting too.
	writeTimeout = answerTimeout + 10*time.Second
	// maxHeader bounds the request line and the headers.
	maxHeader = 16 << 10
	// closeTimeout is how long Close waits for answers that are being written.
	closeTimeout = time.Second
)

// Server is a [Handler] that is served on a port of its own: on loopback and, if Options.Containers has addresses, on
// the first of these. It is safe for concurrent use.
type Server struct {
	*Handler
	URL string // without a path, for example "http://127.0.0.1:41741"

	server *http.Server
	cancel context.CancelFunc
	served chan struct{}
}

// Start serves the tokens of cred until [Server.Close]. options may be nil. Start returns an error where [New] does,
// and if it can't listen on 127.0.0.1 or on the first address of options.Containers.
func Start(cred azcore.TokenCredential, options *Options) (*Server, error) {
	handler, err := New(cred, options)
	if err != nil {
		return nil, err
	}
	listener, url, err := handler.containers.listen()
	if err != nil {
		return nil, fmt.Errorf("tokenserver: can't listen: %w", err)
	}
	return serve(handler, newDoor(listener), url), nil
}

func serve(handler *Handler, door *door, url string) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		Handler: handler,
		URL:     url,
		cancel:  cancel,
		served:  make(chan struct{}),
	}
	s.server = &http.Server{
		Handler:                      handler,
		ConnContext:                  inContext,
		ConnState:                    door.watch,
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout:            readHeaderTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,                       // OPTIONS * is for the Handler to refuse
		ErrorLog:                     log.New(io.Discard, "", 0), // what clients do wrong is their own affair
	}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(door) // returns when closed
	}()
	return s
}

// Env returns the environment variables by which programs find the server, see [Handler.Env]. The values contain
// secrets.
func (s *Server) Env() map[string]string { return s.Handler.Env(s.URL) }

// Close ends the server. Requests that wait for a token are refused. Close waits for answers that are being written,
// but for one second at most, and then closes their connections. It can be called more than once.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) { // somebody is slow to take an answer
		err = s.server.Close()
	}
	<-s.served
	return err
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
