package background

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

const (
	detachedProcess  = 0x8
	breakAwayFromJob = 0x1000000
)

// Start starts the Detached. The command is to be waited for by whoever wants to know of its end.
func (b Detached) Start() (*exec.Cmd, *Channel, error) {
	cmd, channel, err := b.start(breakAwayFromJob)
	if errors.Is(err, syscall.ERROR_ACCESS_DENIED) { // this process is in a job object that doesn't let go
		return b.start(0)
	}
	return cmd, channel, err
}

func (b Detached) start(flags uint32) (*exec.Cmd, *Channel, error) {
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
		Path: b.Path, Args: b.Args, Dir: b.Dir, Env: []string{}, Stdin: theirIn, Stdout: theirOut, Stderr: b.Log,
		SysProcAttr: &syscall.SysProcAttr{CreationFlags: detachedProcess | syscall.CREATE_NEW_PROCESS_GROUP | flags},
	}
	err = errors.Join(cmd.Start(), theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, nil, errors.Join(err, channel.Close())
	}
	return cmd, channel, nil
}

// OpenChannel is for the Detached: its end of the Channel. It fails in any other process.
func OpenChannel() (*Channel, error) {
	for _, file := range []*os.File{os.Stdin, os.Stdout} {
		kind, err := syscall.GetFileType(syscall.Handle(file.Fd()))
		if err != nil || kind != syscall.FILE_TYPE_PIPE {
			return nil, errNoChannel
		}
	}
	return newChannel(os.Stdin, os.Stdout), nil
}
