package azoidctest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

var errScheme = errors.New("the cloud is reached by https only")

// Do makes the cloud a policy.Transporter: it sends the request to the cloud in memory, as over a connection. Do
// returns when the answer's header has arrived or the request's context has ended; the answer's body is read while it
// is written. The request's body is read before anything else, even if the context has ended. Redirects are returned,
// not followed. For a host that the cloud doesn't have (see [Cloud.Handle]), Do returns an error that azcore doesn't
// retry.
//
// In a [testing/synctest] bubble all waiting is durable, and no goroutine outlives the request's context or, after
// that, the closing of the body.
func (c *Cloud) Do(r *http.Request) (*http.Response, error) {
	response, err := c.roundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Redacted(), err)
	}
	return response, nil
}

// RoundTrip makes the cloud an [http.RoundTripper], for an [http.Client] that works in memory. It does what
// [Cloud.Do] does.
func (c *Cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.roundTrip(r)
}

func (c *Cloud) roundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if r.URL.Scheme != "https" {
		return nil, errScheme
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if host := hostOf(r.URL.Host); !c.serves(host) {
		return nil, &unservedError{host}
	}
	return dial(r).send(c, body)
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	return body, errors.Join(err, r.Body.Close())
}

// wire carries one request and its answer, as a connection does. It is the handler's [net/http.ResponseWriter].
type wire struct {
	request *http.Request
	ctx     context.Context // the handler's
	cancel  context.CancelFunc
	header  http.Header // the handler's, until it has been sent

	answered chan struct{}  // closed when one of the following is there
	response *http.Response // what Do returns
	err      error

	body *stream
	left int64 // bytes that may be written yet; -1: any number
}

func dial(r *http.Request) *wire {
	ctx, cancel := context.WithCancel(r.Context())
	return &wire{
		request:  r,
		ctx:      ctx,
		cancel:   cancel,
		header:   http.Header{},
		answered: make(chan struct{}),
		body:     newStream(r.Context(), cancel),
		left:     -1,
	}
}

func (w *wire) send(handler http.Handler, body []byte) (*http.Response, error) {
	go w.serve(handler, w.serverRequest(body))
	select {
	case <-w.answered:
	case <-w.request.Context().Done():
	}
	if err := w.request.Context().Err(); err != nil {
		w.cancel()
		return nil, err
	}
	return w.response, w.err
}

// serverRequest returns the request as a server sees it.
func (w *wire) serverRequest(body []byte) *http.Request {
	r := w.request.Clone(w.ctx)
	r.Header = canonical(r.Header)
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	r.RequestURI = r.URL.RequestURI()
	r.URL.Scheme, r.URL.Host, r.URL.User, r.URL.Fragment = "", "", nil, ""
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.GetBody = nil
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RemoteAddr = "192.0.2.1:1234" // RFC 5737: for documentation
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: r.Host}
	return r
}

// canonical returns the header as a server reads it. Some clients, azblob among them, write names as they like.
func canonical(header http.Header) http.Header {
	read := http.Header{}
	for name, values := range header {
		for _, value := range values {
			read.Add(name, value)
		}
	}
	return read
}

// serve runs the handler and ends the answer as net/http's server would: whole, cut off, or with the connection reset.
func (w *wire) serve(handler http.Handler, r *http.Request) {
	returned := false
	defer func() {
		reason := recover() // nil also when the handler called runtime.Goexit, as t.FailNow does
		w.finish(returned)
		if reason != nil && reason != http.ErrAbortHandler {
			panic(reason) // a bug in a handler or a Fault: let it be seen
		}
	}()
	handler.ServeHTTP(w, r)
	returned = true
}

func (w *wire) finish(returned bool) {
	defer w.cancel()
	if returned && w.response == nil {
		w.WriteHeader(http.StatusOK)
	}
	if w.response == nil {
		w.err = &net.OpError{Op: "read", Net: "tcp", Err: errReset}
		w.body.finish(w.err)
		close(w.answered)
		return
	}
	if !returned || w.left > 0 {
		w.body.finish(io.ErrUnexpectedEOF)
		return
	}
	w.body.finish(io.EOF)
}

func (w *wire) Header() http.Header { return w.header }

func (w *wire) WriteHeader(status int) {
	if w.response != nil || status < 200 { // informational answers aren't shown to clients
		return
	}
	header := w.header.Clone()
	if header.Get("Date") == "" {
		header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	w.left = contentLength(header)
	length := w.left
	if w.request.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		w.left = 0
	}
	w.response = &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          w.body,
		ContentLength: length,
		Request:       w.request,
	}
	close(w.answered)
}

// contentLength is -1 when the handler didn't declare it.
func contentLength(header http.Header) int64 {
	n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func (w *wire) Write(p []byte) (int, error) {
	if w.response == nil {
		w.WriteHeader(http.StatusOK)
	}
	if w.left >= 0 && int64(len(p)) > w.left {
		n, _ := w.write(p[:w.left])
		return n, http.ErrContentLength
	}
	return w.write(p)
}

func (w *wire) write(p []byte) (int, error) {
	n, err := w.body.write(p)
	if w.left >= 0 {
		w.left -= int64(n)
	}
	return n, err
}

// Flush sends the header; the body is never held back.
func (w *wire) Flush() {
	if w.response == nil {
		w.WriteHeader(http.StatusOK)
	}
}

// streamCapacity is how many bytes a connection takes before its writer waits, as the buffers of sockets do: a handler with a
// small answer never waits for its client.
const streamCapacity = 64 << 10

var errBodyClosed = errors.New("the client has closed the connection")

// stream is an answer's body on its way. One goroutine writes, one reads.
type stream struct {
	closed func()      // called when the reader closes
	detach func() bool // from the context

	mu      sync.Mutex
	changed sync.Cond
	unread  []byte
	end     error // what the reader gets after unread; nil while the writer writes
	abort   error // what both get at once
}

// newStream makes a stream that breaks when ctx ends. closed is called when the reader closes it.
func newStream(ctx context.Context, closed func()) *stream {
	s := &stream{closed: closed}
	s.changed.L = &s.mu
	s.detach = context.AfterFunc(ctx, func() { s.stop(ctx.Err()) })
	return s
}

func (s *stream) stop(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abort == nil {
		s.abort = err
	}
	s.changed.Broadcast()
}

// finish tells the reader that nothing follows but err.
func (s *stream) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = err
	s.changed.Broadcast()
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n < len(p) {
		for s.abort == nil && len(s.unread) >= streamCapacity {
			s.changed.Wait()
		}
		if s.abort != nil {
			return n, s.abort
		}
		some := min(len(p)-n, streamCapacity-len(s.unread))
		s.unread = append(s.unread, p[n:n+some]...)
		n += some
		s.changed.Broadcast()
	}
	return n, nil
}

// Read implements [io.Reader].
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.abort == nil && s.end == nil && len(s.unread) == 0 && len(p) > 0 {
		s.changed.Wait()
	}
	switch {
	case s.abort != nil:
		return 0, s.abort
	case len(s.unread) == 0 && s.end != nil:
		s.detach() // the whole body was read: the context's end changes nothing any more
		return 0, s.end
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	s.changed.Broadcast()
	return n, nil
}

// Close implements [io.Closer]; what isn't read yet is lost, and a handler that still writes fails.
func (s *stream) Close() error {
	s.detach()
	s.stop(errBodyClosed)
	s.closed()
	return nil
}
