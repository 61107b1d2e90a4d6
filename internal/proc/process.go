package proc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Process is one that runs or has run. Its ID alone may be another's by now, so it is told apart by its start.
type Process struct {
	ID int
	// start is when it started, in a form of the system's own.
	start string
	// space is in which ID counts, "" where there is only one: Linux' PID namespaces, and so containers.
	space string
}

// errEnded is Find's for a process that isn't there.
var errEnded = errors.New("there is no such process")

// String is what Parse takes. It is fit for a file's name, and so doesn't end in a dot, which Windows drops.
func (p Process) String() string {
	if p.space == "" {
		return fmt.Sprintf("%d.%s", p.ID, p.start)
	}
	return fmt.Sprintf("%d.%s.%s", p.ID, p.start, p.space)
}

// Parse is the reverse of String.
func Parse(text string) (Process, error) {
	fields := strings.Split(text, ".")
	if len(fields) != 2 && len(fields) != 3 {
		return Process{}, fmt.Errorf("%q is no process", text)
	}
	id, err := strconv.Atoi(fields[0])
	if err != nil {
		return Process{}, fmt.Errorf("%q is no process: %w", text, err)
	}
	return Process{ID: id, start: fields[1], space: strings.Join(fields[2:], "")}, nil
}

// MarshalText returns String's.
func (p Process) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is Parse.
func (p *Process) UnmarshalText(text []byte) (err error) {
	*p, err = Parse(string(text))
	return err
}

// A State of a process.
type State int

// The states. Elsewhere is that of a process in another container, of which can't be told from here.
const (
	Ended State = iota
	Running
	Elsewhere
)

// State tells whether the process runs. One that nobody has buried yet has ended.
func (p Process) State() State {
	if p.space != space() {
		return Elsewhere
	}
	if now, err := Find(p.ID); err != nil || now.Process != p {
		return Ended
	}
	return Running
}

// AwaitEnd waits until the process has ended. It returns false after the timeout.
func (p Process) AwaitEnd(timeout time.Duration) bool {
	pause := 2 * time.Millisecond
	for deadline := time.Now().Add(timeout); p.State() != Ended; pause = min(2*pause, 100*time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause) // no call waits for a process that isn't one's child
	}
	return true
}

// A Listed is a process as the system lists it.
type Listed struct {
	Process
	Name string // of its program, perhaps shortened to 15 characters
	// LeadsSession tells whether it leads a session: that of a terminal, of a service, of a command run by sshd or cron.
	LeadsSession bool

	parent int
	began  int64 // as start, to compare
}

// Ancestors returns the process' parent, its parent, and so on, as far as can be seen.
func (l Listed) Ancestors() []Listed {
	var line []Listed
	for child := l; child.parent > 0; {
		parent, err := Find(child.parent)
		if err != nil || parent.began > child.began { // its ID is another's by now, as Windows lets it be
			break
		}
		line = append(line, parent)
		child = parent
	}
	return line
}
