package outbound

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	// MaxAnswer is how many bytes of an answer's body are read: far more than any token or discovery document has.
	MaxAnswer = 1 << 20
	// MaxHeader is how many bytes an answer's headers may have. The default client doesn't read more; a caller's own reads as
	// many as it's told, net/http's 10 MiB, and such an answer is then refused.
	MaxHeader = 64 << 10
)

// ErrTooLarge ends the reading of an answer that has more than MaxAnswer bytes, or more than MaxHeader of headers.
var ErrTooLarge = errors.New("the answer is larger than any token answer")

// bounded makes resp's body fail beyond MaxAnswer bytes, and calls timedOut when reading it took too long. azcore reads each
// body to its end before any policy sees it, so the bound has to be here.
func bounded(resp *http.Response, timedOut func()) (*http.Response, error) {
	if size := headerSize(resp.Header); size > MaxHeader {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes of headers, at most %d accepted", ErrTooLarge, size, MaxHeader)
	}
	if resp.ContentLength > MaxAnswer {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes announced, at most %d accepted", ErrTooLarge, resp.ContentLength, MaxAnswer)
	}
	resp.Body = &boundedBody{body: resp.Body, left: MaxAnswer, timedOut: timedOut}
	return resp, nil
}

func headerSize(header http.Header) (size int) {
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return size
}

type boundedBody struct {
	body     io.ReadCloser
	left     int
	timedOut func()
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if n > b.left {
		return b.left, fmt.Errorf("%w: stopped after %d bytes", ErrTooLarge, MaxAnswer)
	}
	b.left -= n
	if isTimeout(err) {
		b.timedOut()
	}
	return n, err
}

func (b *boundedBody) Close() error { return b.body.Close() }
