package main

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
	askStatus = "status"
	askStop   = "stop"
)

const (
	controlTimeout = 5 * time.Second
	maxAnswer      = 1 << 20
)

// An answerer answers those who get into the home, which are its user's processes.
type answerer struct {
	listener net.Listener
	answer   func(asked string) any
	open     sync.WaitGroup
}

func listenForQuestions(h home, answer func(asked string) any) (*answerer, error) {
	path, leave, err := h.controlPath()
	if err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err := errors.Join(err, leave()); err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // by a path that means another folder by then; the home is removed whole
	c := &answerer{listener: listener, answer: answer}
	c.open.Go(c.accept)
	return c, nil
}

func (c *answerer) accept() {
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
func (c *answerer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	asked, err := bufio.NewReader(io.LimitReader(conn, 64)).ReadString('\n')
	if err == nil {
		_ = json.NewEncoder(conn).Encode(c.answer(strings.TrimSpace(asked)))
	}
}

// close lets answers that are under way be finished.
func (c *answerer) close() {
	_ = c.listener.Close()
	c.open.Wait()
}

// ask asks the process whose home it is.
func (h home) ask(what string, answer any) error {
	path, leave, err := h.controlPath()
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("unix", path, controlTimeout)
	if err := errors.Join(err, leave()); err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout)) // without one it waits for longer
	if _, err := fmt.Fprintln(conn, what); err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(conn, maxAnswer)).Decode(answer)
}

// controlPath returns the socket's path until leave is called: about a hundred characters are all that it may have, so the
// home is the working folder for so long. On Windows such a folder can't be removed, and paths are shorter.
func (h home) controlPath() (path string, leave func() error, err error) {
	if runtime.GOOS == "windows" {
		return filepath.Join(h.homes.path, h.file(controlFile)), func() error { return nil }, nil
	}
	folder, err := h.homes.Open(h.name)
	if err != nil {
		return "", nil, err
	}
	if err := errors.Join(folder.Chdir(), folder.Close()); err != nil {
		return "", nil, err
	}
	return controlFile, func() error { return os.Chdir(volumeRoot(h.homes.path)) }, nil
}

func volumeRoot(path string) string { return filepath.VolumeName(path) + string(filepath.Separator) }
