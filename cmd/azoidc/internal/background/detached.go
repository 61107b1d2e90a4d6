package background

import (
	"errors"
	"io"
	"os"
)

// A Detached is a process that outlives the one that starts it, and has nothing of it: neither its session, nor its
// folder, nor its environment, nor its open files, but for the two ends of a Channel.
type Detached struct {
	Path string
	Args []string // Args[0] included
	Dir  string
	// Log is its standard error, so that a crash is told there, too.
	Log *os.File
}

// errNoChannel is for who starts by hand what only a program may start.
var errNoChannel = errors.New("this is for azoidc's own use: run 'azoidc start'")

// A Channel leads from the process that starts a Detached to that one, and back.
type Channel struct {
	io.Reader
	io.WriteCloser
	files []*os.File
}

func newChannel(in, out *os.File) *Channel {
	return &Channel{Reader: in, WriteCloser: out, files: []*os.File{in, out}}
}

// Close closes both ways.
func (c *Channel) Close() error {
	var first error
	for _, file := range c.files {
		if err := file.Close(); first == nil {
			first = err
		}
	}
	return first
}
