package background

import (
	"errors"
	"os"
	"os/exec"
	"time"
)

// Launch starts this program anew, in the background, with that command and the home's name as its arguments.
func (h Home) Launch(command string) (*exec.Cmd, *Channel, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	log, err := h.openLog()
	if err != nil {
		return nil, nil, err
	}
	child, channel, err := Detached{Path: path, Args: []string{"azoidc", command, h.Name}, Dir: volumeRoot(path), Log: log}.Start()
	return child, channel, errors.Join(err, log.Close())
}

// End waits for the end of a process that knows it's time, and then doesn't wait any more.
func End(child *exec.Cmd) {
	kill := time.AfterFunc(endTimeout, func() { _ = child.Process.Kill() })
	defer kill.Stop()
	_ = child.Wait() // it doesn't matter how it ended
}
