//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package proc

import (
	"os/exec"
	"strconv"
)

// Find returns the process that has this ID now.
func Find(id int) (Listed, error) {
	ps := exec.Command("/bin/ps", "-o", psColumns, "-p", strconv.Itoa(id))
	ps.Env = []string{"LC_ALL=C", "TZ=UTC"}
	output, err := ps.Output()
	if err != nil { // its status is 1 when there is none
		return Listed{}, errEnded
	}
	return readPS(id, string(output))
}

func space() string { return "" }
