package azoidctest

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// connection carries one request and its answer. It is the handler's [net/http.ResponseWriter].
type connection struct {
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

func dial(r *http.Request) *connection {
	ctx, cancel := context.WithCancel(r.Context())
	return &connection{
		request:  r,
		ctx:      ctx,
		cancel:   cancel,
		header:   http.Header{},
		answered: make(chan struct{}),
		body:     newStream(r.Context(), cancel),
		left:     -1,
	}
}

func (c *connection) send(handler http.Handler, body []byte) (*http.Response, error) {
	go c.serve(handler, c.serverRequest(body))
	select {
	case <-c.answered:
	case <-c.request.Context().Done():
	}
	if err := c.request.Context().Err(); err != nil {
		c.cancel()
		return nil, err
	}
	return c.response, c.err
}

// serverRequest is the request as a server sees it.
func (c *connection) serverRequest(body []byte) *http.Request {
	r := c.request.Clone(c.ctx)
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	r.RequestURI = r.URL.RequestURI()
	r.URL.Scheme, r.URL.Host, r.URL.User, r.URL.Fragment = "", "", nil, ""
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.GetBody = nil
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RemoteAddr = "192.0.2.1:1234" // RFC 5737: for documentation
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: r.Host}
	return r
}

// serve runs the handler and ends the answer as net/http's server would: whole, cut off, or with the connection reset.
func (c *connection) serve(handler http.Handler, r *http.Request) {
	returned := false
	defer func() {
		reason := recover() // nil also when the handler called runtime.Goexit, as t.FailNow does
		c.finish(returned)
		if reason != nil && reason != http.ErrAbortHandler {
			panic(reason) // a bug in a handler or a Fault: let it be seen
		}
	}()
	handler.ServeHTTP(c, r)
	returned = true
}

func (c *connection) finish(returned bool) {
	defer c.cancel()
	if returned && c.response == nil {
		c.WriteHeader(http.StatusOK)
	}
	if c.response == nil {
		c.err = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
		c.body.finish(c.err)
		close(c.answered)
		return
	}
	if !returned || c.left > 0 {
		c.body.finish(io.ErrUnexpectedEOF)
		return
	}
	c.body.finish(io.EOF)
}

func (c *connection) Header() http.Header { return c.header }

func (c *connection) WriteHeader(status int) {
	if c.response != nil || status < 200 { // informational answers aren't shown to clients
		return
	}
	header := c.header.Clone()
	if header.Get("Date") == "" {
		header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	c.left = contentLength(header)
	length := c.left
	if c.request.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		c.left = 0
	}
	c.response = &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          c.body,
		ContentLength: length,
		Request:       c.request,
	}
	close(c.answered)
}

// contentLength is -1 when the handler didn't declare it.
func contentLength(header http.Header) int64 {
	n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func (c *connection) Write(p []byte) (int, error) {
	if c.response == nil {
		c.WriteHeader(http.StatusOK)
	}
	if c.left >= 0 && int64(len(p)) > c.left {
		n, _ := c.write(p[:c.left])
		return n, http.ErrContentLength
	}
	return c.write(p)
}

func (c *connection) write(p []byte) (int, error) {
	n, err := c.body.write(p)
	if c.left >= 0 {
		c.left -= int64(n)
	}
	return n, err
}

// Flush sends the header; the body is never held back.
func (c *connection) Flush() {
	if c.response == nil {
		c.WriteHeader(http.StatusOK)
	}
}
