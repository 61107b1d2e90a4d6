package azoidctest

import (
	"context"
	"errors"
	"sync"
)

// streamCapacity is what a connection holds before its writer waits, as the buffers of sockets do: a handler with a
// small answer never waits for its client.
const streamCapacity = 64 << 10

var errBodyClosed = errors.New("the client has closed the connection")

// stream is an answer's body on its way. One goroutine writes, one reads.
type stream struct {
	closed func()      // called when the reader closes
	detach func() bool // from the context

	mu      sync.Mutex
	changed sync.Cond
	held    []byte
	end     error // what the reader gets after held; nil while the writer writes
	abort   error // what both get at once
}

// newStream is a stream that breaks when ctx ends. closed is called when the reader closes it.
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
		for s.abort == nil && len(s.held) >= streamCapacity {
			s.changed.Wait()
		}
		if s.abort != nil {
			return n, s.abort
		}
		some := min(len(p)-n, streamCapacity-len(s.held))
		s.held = append(s.held, p[n:n+some]...)
		n += some
		s.changed.Broadcast()
	}
	return n, nil
}

// Read is [io.Reader]'s.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.abort == nil && s.end == nil && len(s.held) == 0 && len(p) > 0 {
		s.changed.Wait()
	}
	switch {
	case s.abort != nil:
		return 0, s.abort
	case len(s.held) == 0 && s.end != nil:
		s.detach() // the whole body was read: the context's end changes nothing any more
		return 0, s.end
	}
	n := copy(p, s.held)
	s.held = s.held[n:]
	s.changed.Broadcast()
	return n, nil
}

// Close is [io.Closer]'s; what isn't read yet is lost, and a handler that still writes fails.
func (s *stream) Close() error {
	s.detach()
	s.stop(errBodyClosed)
	s.closed()
	return nil
}
