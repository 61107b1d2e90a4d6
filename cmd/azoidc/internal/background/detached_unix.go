//go:build unix

package background

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// The Channel's descriptors in the Detached.
const (
	channelIn  = 3
	channelOut = 4
)

// Start starts the Detached. The command is to be waited for by whoever wants to know of its end.
func (b Detached) Start() (*exec.Cmd, *Channel, error) {
	keepInherited()
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, theirIn.Close(), ourOut.Close())
	}
	channel := newChannel(ourIn, ourOut)
	cmd := &exec.Cmd{
		Path: b.Path, Args: b.Args, Dir: b.Dir, Env: []string{}, Stderr: b.Log,
		ExtraFiles:  []*os.File{theirIn, theirOut},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = errors.Join(cmd.Start(), theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, nil, errors.Join(err, channel.Close())
	}
	return cmd, channel, nil
}

// keepInherited keeps what this process itself was left open by whoever started it from being left open to others.
func keepInherited() {
	last := 1023 // where there is no list
	if entries, err := os.ReadDir("/dev/fd"); err == nil {
		for _, entry := range entries {
			if fd, err := strconv.Atoi(entry.Name()); err == nil {
				last = max(last, fd)
			}
		}
	}
	for fd := 3; fd <= last; fd++ {
		syscall.CloseOnExec(fd) // does nothing to one that isn't open
	}
}

// OpenChannel is for the Detached: its end of the Channel. It fails in any other process.
func OpenChannel() (*Channel, error) {
	for _, fd := range []int{channelIn, channelOut} {
		var stat syscall.Stat_t
		if err := syscall.Fstat(fd, &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFIFO {
			return nil, errNoChannel
		}
		syscall.CloseOnExec(fd)
	}
	return newChannel(os.NewFile(channelIn, "channel"), os.NewFile(channelOut, "channel")), nil
}
