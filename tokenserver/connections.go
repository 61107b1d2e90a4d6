package tokenserver

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Anybody on the machine can connect, but a process can't have any number of files open: so those who haven't presented the
// secret can't take the room of those who have.
const (
	maxStrangers = 2048 // or half of the files that may be open
	maxAdmitted  = 1024 // or a quarter of them
	// patience is how long a stranger has for a request at least, when all places are taken.
	patience = 50 * time.Millisecond
)

// A door is a listener whose connections are bounded. A new stranger gets the place of the one that has been the longest
// without sending a request.
type door struct {
	net.Listener
	maxStrangers, maxAdmitted int

	closed chan struct{}
	once   sync.Once

	mu        sync.Mutex
	strangers list.List     // of *connection, the oldest first
	admitted  int           // connections
	idle      list.List     // of those admitted, the one that has been so for the longest time first
	changed   chan struct{} // has an element when a stranger has left or can be sent away
}

func newDoor(listener net.Listener) *door {
	files := openFiles()
	return &door{
		Listener:     listener,
		maxStrangers: max(1, min(maxStrangers, files/2)),
		maxAdmitted:  max(1, min(maxAdmitted, files/4)),
		closed:       make(chan struct{}),
		changed:      make(chan struct{}, 1),
	}
}

// Accept returns when there is a place for the connection, too.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, door: d}
	for {
		wait, ok := d.enter(c)
		if ok {
			return c, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-d.changed:
		case <-d.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
		timer.Stop()
	}
}

// Close makes Accept return.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// enter finds a place for c. Otherwise it tells how long to wait before it's tried again.
func (d *door) enter(c *connection) (wait time.Duration, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.strangers.Len() >= d.maxStrangers {
		oldest := d.dispensable()
		if oldest == nil {
			return patience, false
		}
		if wait := patience - time.Since(oldest.arrived); wait > 0 && !oldest.refused {
			return wait, false
		}
		d.sendAway(oldest)
	}
	c.arrived = time.Now()
	c.place = d.strangers.PushBack(c)
	return 0, true
}

// dispensable returns the stranger who can go first. One whose request was read is about to be admitted, or refused.
func (d *door) dispensable() *connection {
	for e := d.strangers.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*connection); c.refused || c.reading && !c.requested {
			return c
		}
	}
	return nil
}

// sendAway and leave are called with d.mu held.
func (d *door) sendAway(c *connection) {
	d.leave(c)
	_ = c.Conn.Close()
}

func (d *door) leave(c *connection) {
	switch {
	case c.left:
	case c.admitted:
		d.admitted--
		d.setIdle(c, false)
	default:
		d.strangers.Remove(c.place)
		d.wake()
	}
	c.left = true
}

func (d *door) setIdle(c *connection, idle bool) {
	switch {
	case idle && c.place == nil:
		c.place = d.idle.PushBack(c)
	case !idle && c.place != nil:
		d.idle.Remove(c.place)
		c.place = nil
	}
}

func (d *door) wake() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// watch is an http.Server's ConnState.
func (d *door) watch(conn net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := conn.(*connection)
	c.requested = c.requested || state == http.StateActive // a whole request was read
	if c.admitted && !c.left {
		d.setIdle(c, state == http.StateIdle)
	}
}

// A connection has a place at the door.
type connection struct {
	net.Conn
	door *door

	// The rest belongs to door.mu.
	arrived   time.Time
	place     *list.Element // among the strangers, or among the idle ones
	reading   bool          // the server waits for what the client sends
	requested bool          // a whole request came
	refused   bool
	admitted  bool
	left      bool
}

type connectionKey struct{}

// inContext is an http.Server's ConnContext.
func inContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// connectionOf returns nil in a server that isn't this package's.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// admit moves c to those who have presented the secret. It fails when there are too many of them, all with a request.
func (c *connection) admit() bool {
	if c == nil {
		return true
	}
	d := c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.admitted || c.left {
		return true
	}
	if d.admitted >= d.maxAdmitted {
		longest := d.idle.Front()
		if longest == nil {
			return false
		}
		d.sendAway(longest.Value.(*connection))
	}
	d.strangers.Remove(c.place)
	d.wake()
	d.admitted++
	c.place, c.admitted = nil, true
	return true
}

// refuse makes c the first to go.
func (c *connection) refuse() {
	if c == nil {
		return
	}
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.refused = true
	c.door.wake()
}

func (c *connection) Read(p []byte) (int, error) {
	c.setReading(true)
	defer c.setReading(false)
	return c.Conn.Read(p)
}

func (c *connection) setReading(reading bool) {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	if c.reading = reading; reading && !c.requested {
		c.door.wake()
	}
}

// CloseWrite lets a server end an answer to a client that is still sending.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *connection) Close() error {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	c.door.leave(c)
	return c.Conn.Close()
}
