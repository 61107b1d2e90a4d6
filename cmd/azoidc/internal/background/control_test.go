package background

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func newHome(t *testing.T) Home {
	t.Helper()
	h, err := Claim(filepath.Join(t.TempDir(), "azoidc"), "a", self(t))
	require.NoError(t, err)
	return h
}

// Several ask at the same time, and whoever was heard is answered, however soon the end comes.
func TestAsk(t *testing.T) {
	t.Chdir(t.TempDir())
	h := newHome(t)
	asked, begin := make(chan string), make(chan struct{})
	answerer, err := Listen(h, func(what string) any {
		asked <- what
		<-begin
		return "you asked: " + what
	})
	require.NoError(t, err)
	_, err = Listen(h, nil)
	require.Error(t, err, "there is one")
	var asking sync.WaitGroup
	for _, what := range []string{AskStatus, AskStop} {
		asking.Go(func() {
			var answer string
			if err := h.Ask(what, &answer); err != nil {
				answer = err.Error()
			}
			asked <- answer
		})
		require.Equal(t, what, <-asked)
	}
	folder, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, volumeRoot(h.Folder()), folder, "the home can be removed")
	elsewhere := t.TempDir()
	t.Chdir(elsewhere)
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, controlFile), nil, 0o600))
	closed := make(chan struct{})
	go func() {
		answerer.Close()
		close(closed)
	}()
	select {
	case <-closed:
		require.Fail(t, "answers are under way")
	case <-time.After(20 * time.Millisecond):
	}
	close(begin)
	require.ElementsMatch(t, []string{"you asked: " + AskStatus, "you asked: " + AskStop}, []string{<-asked, <-asked})
	asking.Wait()
	<-closed
	require.FileExists(t, filepath.Join(elsewhere, controlFile), "it is another's")
	require.Error(t, h.Ask(AskStatus, new(string)))
	require.Error(t, Home{h.homes, h.file(ownerPrefix + self(t).String())}.Ask(AskStatus, new(string)), "it is no folder")
	require.NoError(t, h.Leave(self(t)))
	require.ErrorIs(t, h.Ask(AskStatus, new(string)), fs.ErrNotExist)
	_, err = Listen(h, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// accepting is a listener that has these, and then is closed.
type accepting []any

func (a *accepting) Accept() (net.Conn, error) {
	if len(*a) == 0 {
		return nil, net.ErrClosed
	}
	next := (*a)[0]
	*a = (*a)[1:]
	if conn, ok := next.(net.Conn); ok {
		return conn, nil
	}
	return nil, next.(error)
}
func (*accepting) Close() error   { return nil }
func (*accepting) Addr() net.Addr { return nil }

func TestAnswererOutlivesTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		c := &Answerer{listener: &accepting{errors.New("too many open files"), there}, answer: func(asked string) any { return asked }}
		began := time.Now()
		c.open.Go(c.accept)
		var answer string
		require.NoError(t, ask(here, AskStatus, &answer))
		require.Equal(t, AskStatus, answer)
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		c.Close()
	})
}

// Neither end waits for ever for one that says nothing, or listens to one that says too much.
func TestAskAndAnswerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Answerer{answer: func(string) any { panic("there is no question") }}
		here, there := net.Pipe()
		began := time.Now()
		c.serve(there)
		require.Equal(t, controlTimeout, time.Since(began))
		_, err := here.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)

		here, there = net.Pipe()
		go c.serve(there)
		_, err = fmt.Fprint(here, strings.Repeat("a", 64), "\n")
		require.ErrorIs(t, err, io.ErrClosedPipe)

		here, there = net.Pipe()
		go func() { _, _ = bufio.NewReader(there).ReadString('\n') }()
		began = time.Now()
		require.ErrorIs(t, ask(here, AskStatus, new(string)), os.ErrDeadlineExceeded)
		require.Equal(t, controlTimeout, time.Since(began))
		_, err = there.Write([]byte("late"))
		require.ErrorIs(t, err, io.ErrClosedPipe)

		here, _ = net.Pipe()
		require.ErrorIs(t, ask(here, AskStatus, new(string)), os.ErrDeadlineExceeded)
	})
}
