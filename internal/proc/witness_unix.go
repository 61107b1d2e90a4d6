//go:build unix

package proc

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// testimony is how long a witness takes to tell, at most, when the machine is busy. A signal that was sent to this
	// program alone is passed on as much later.
	testimony = 500 * time.Millisecond
	// forgotten is how long a testimony is good for. Longer than others take that are dealt with before.
	forgotten = 4 * testimony
)

// A witness tells which signals came to all of this program's process group: it is a process in it that tells of them. To
// whom else a signal was sent the system tells nobody.
type witness struct {
	cmd  *exec.Cmd
	pipe io.Closer
	told map[os.Signal]chan time.Time // when
	gone chan struct{}
}

// names are what a shell calls the signals.
var names = map[string]os.Signal{"INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}

// waiting ends when its standard input does, which a process that isn't interrupted reads.
const waiting = `for s in INT QUIT HUP TERM; do trap "echo $s" $s; done
exec 3<&0
(trap "" INT QUIT HUP TERM; exec cat <&3 >/dev/null) &
echo ready
while kill -0 $! 2>/dev/null; do wait $!; done`

// newWitness returns when the witness sees what comes, or nil if there can't be one.
func newWitness() *witness {
	cmd := exec.Command("/bin/sh", "-c", waiting)
	cmd.Env = []string{"PATH=/usr/bin:/bin"} // and no secret
	cmd.Dir = "/"
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	w := &witness{cmd: cmd, pipe: pipe, told: map[os.Signal]chan time.Time{}, gone: make(chan struct{})}
	for _, sig := range names {
		w.told[sig] = make(chan time.Time, 16)
	}
	lines := bufio.NewScanner(stdout)
	lines.Scan() // ready, or its end
	go func() {
		defer close(w.gone)
		w.listen(lines)
		_ = cmd.Wait() // it has told all it could
	}()
	return w
}

func (w *witness) listen(lines *bufio.Scanner) {
	for lines.Scan() {
		select {
		case w.told[names[lines.Text()]] <- time.Now():
		default: // so many that nobody asked about
		}
	}
}

// got tells whether sig, which has just come to this program, came to all of its group. Without a witness, what terminals
// send is taken for that.
func (w *witness) got(sig os.Signal) bool {
	if w == nil {
		return sig != syscall.SIGTERM
	}
	timeout := time.After(testimony)
	for {
		select {
		case at := <-w.told[sig]:
			if time.Since(at) < forgotten {
				return true
			}
		case <-w.gone:
			return sig != syscall.SIGTERM
		case <-timeout:
			return false
		}
	}
}

// dismiss ends the witness.
func (w *witness) dismiss() {
	if w != nil {
		_ = w.pipe.Close()
		<-w.gone
	}
}
