//go:build unix

package proc

import (
	"io"
	"os/exec"
	"syscall"
)

// RemoveAtDeath removes the folder at path if this program dies, however that comes, before release is called.
func RemoveAtDeath(path string) (release func()) {
	return atDeath(`rm -rf -- "$1"`, path)
}

// atDeath has a shell wait for the end of a pipe that only this program holds open, and then run script, whose $1 is
// argument, unless release was called before. Without a shell it does nothing.
func atDeath(script, argument string) (release func()) {
	lifeline := exec.Command("/bin/sh", "-c", "read -r released && exit; "+script, "sh", argument)
	lifeline.Env = []string{"PATH=/usr/bin:/bin"} // and no secret
	lifeline.Dir = "/"
	lifeline.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what ends this program's group or terminal doesn't end it
	pipe, err := lifeline.StdinPipe()
	if err != nil || lifeline.Start() != nil {
		return func() {}
	}
	return func() {
		_, _ = io.WriteString(pipe, "released\n") // fails when somebody has killed it, and so released it
		_ = lifeline.Wait()
	}
}
