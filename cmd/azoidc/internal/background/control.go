package background

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// What can be asked of the process in the background, a line each. Its answer is one line, too.
const (
	AskStatus = "status"
	AskStop   = "stop"
)

const (
	controlTimeout = 5 * time.Second
	maxAnswer      = 1 << 20
)

// An Answerer answers those who get into the home, which are its user's processes.
type Answerer struct {
	listener net.Listener
	answer   func(asked string) any
	open     sync.WaitGroup
}

// Listen answers what is asked of the process whose home it is, with JSON of what answer returns, until Close is called. It calls
// answer concurrently.
func Listen(h Home, answer func(asked string) any) (*Answerer, error) {
	path, leave, err := h.controlPath()
	if err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err := errors.Join(err, leave()); err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // by a path that means another folder by then; the home is removed whole
	c := &Answerer{listener: listener, answer: answer}
	c.open.Go(c.accept)
	return c, nil
}

func (c *Answerer) accept() {
	for {
		conn, err := c.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, perhaps for a moment
			time.Sleep(100 * time.Millisecond)
			continue
		}
		c.open.Go(func() { c.serve(conn) })
	}
}

// serve ignores errors: who asked has left.
func (c *Answerer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	asked, err := bufio.NewReader(io.LimitReader(conn, 64)).ReadString('\n')
	if err == nil {
		_ = json.NewEncoder(conn).Encode(c.answer(strings.TrimSpace(asked)))
	}
}

// Close lets answers that are under way be finished.
func (c *Answerer) Close() {
	_ = c.listener.Close()
	c.open.Wait()
}

// Ask asks the process whose home it is.
func (h Home) Ask(what string, answer any) error {
	path, leave, err := h.controlPath()
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("unix", path, controlTimeout)
	if err := errors.Join(err, leave()); err != nil {
		return err
	}
	return ask(conn, what, answer)
}

func ask(conn net.Conn, what string, answer any) error {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout)) // without one it waits for longer
	if _, err := fmt.Fprintln(conn, what); err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(conn, maxAnswer)).Decode(answer)
}

// controlPath returns the socket's path until leave is called: about a hundred characters are all that it may have, so the
// home is the working folder for so long. On Windows such a folder can't be removed, and paths are shorter.
func (h Home) controlPath() (path string, leave func() error, err error) {
	if runtime.GOOS == "windows" {
		return filepath.Join(h.homes.path, h.file(controlFile)), func() error { return nil }, nil
	}
	folder, err := h.homes.Open(h.Name)
	if err != nil {
		return "", nil, err
	}
	if err := errors.Join(folder.Chdir(), folder.Close()); err != nil {
		return "", nil, err
	}
	return controlFile, func() error { return os.Chdir(volumeRoot(h.homes.path)) }, nil
}

func volumeRoot(path string) string { return filepath.VolumeName(path) + string(filepath.Separator) }
