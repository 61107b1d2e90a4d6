//go:build !unix && !windows

package background

import (
	"errors"
	"os/exec"
)

// Start fails: how a process is left behind on this system isn't known here.
func (b Detached) Start() (*exec.Cmd, *Channel, error) { return nil, nil, errors.ErrUnsupported }

// OpenChannel fails: there is no Detached.
func OpenChannel() (*Channel, error) { return nil, errNoChannel }
