//go:build unix

package proc

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// psColumns are those that readPS reads. Without a header, for each has an empty one.
const psColumns = "ppid=,stat=,lstart=,comm="

// readPS reads what ps prints of one process: 1 Ss Sat Nov 21 15:04:05 2026 /sbin/launchd
func readPS(id int, output string) (Listed, error) {
	fields := strings.Fields(output)
	if len(fields) < 8 {
		return Listed{}, fmt.Errorf("ps: %q isn't of the form %s", output, psColumns)
	}
	parent, err := strconv.Atoi(fields[0])
	if err != nil {
		return Listed{}, err
	}
	start, err := time.Parse("Mon Jan _2 15:04:05 2006", strings.Join(fields[2:7], " "))
	if err != nil {
		return Listed{}, err
	}
	state := fields[1]
	if strings.HasPrefix(state, "Z") {
		return Listed{}, errEnded
	}
	return Listed{
		Process:      Process{ID: id, start: strconv.FormatInt(start.Unix(), 10)},
		Name:         path.Base(strings.Join(fields[7:], " ")),
		LeadsSession: strings.Contains(state, "s"),
		parent:       parent,
		began:        start.Unix(),
	}, nil
}
