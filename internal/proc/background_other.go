//go:build !unix && !windows

package proc

import (
	"errors"
	"os/exec"
)

// Start fails: how a process is left behind on this system isn't known here.
func (b Background) Start() (*exec.Cmd, *Channel, error) { return nil, nil, errors.ErrUnsupported }

// OpenChannel fails: there is no Background.
func OpenChannel() (*Channel, error) { return nil, errNoChannel }
