package tokenserver

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
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

// Server is a [Handler] that is served on loopback, and to containers if it's told to, on a port of its own. It is safe for concurrent use.
type Server struct {
	*Handler
	URL string // for example "http://127.0.0.1:41741"

	server *http.Server
	cancel context.CancelFunc
	served chan struct{}
}

// Start serves the tokens of cred until [Server.Close]. Options may be nil. It fails when cred is nil, and when it can't
// listen on 127.0.0.1, or on the address of Options.Containers.
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

// Env returns the environment variables by which programs find the server, see [Handler.Env].
func (s *Server) Env() map[string]string { return s.Handler.Env(s.URL) }

// Close ends the server. Requests that wait for a token are refused. Connections on which an answer is still being
// written after a second are closed. Close may be called again.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil { // somebody is slow to take an answer
		err = s.server.Close()
	}
	<-s.served
	return err
}
