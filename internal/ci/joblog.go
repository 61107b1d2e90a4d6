package ci

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// TellJobLog returns when the job's log has taken a command that has it show *** in place of a secret, see
// [System.Mask].
//
// What the two systems guarantee is little: they read the standard output and the standard error by a task each, which takes
// a line, puts it into a queue of its stream's, and only then reads on; a third task empties the queue of the standard error
// first. Only on one stream is the mask before the token for certain. But the standard output is for the token, and may be
// read by a shell. So the mask goes to the standard error twice: when the second one has been read, the first is in the
// queue. Whoever passes streams on in between, as Node.js does for the tasks of Azure Pipelines, has read it, too.
// https://github.com/actions/runner/blob/main/src/Runner.Sdk/ProcessInvoker.cs
// https://github.com/microsoft/azure-pipelines-agent/blob/master/src/Agent.Sdk/ProcessInvoker.cs
func TellJobLog(command string, stdout, stderr io.Writer) error {
	if !leadsToALog(stderr) {
		return errors.New("the standard error leads nowhere, leave it to the job's log")
	}
	if sameStream(stdout, stderr) {
		_, err := fmt.Fprintln(stderr, command)
		return err
	}
	for range 2 {
		if _, err := fmt.Fprintln(stderr, command); err != nil {
			return err
		}
		if err := untilTaken(stderr); err != nil {
			return err
		}
	}
	return nil
}

// untilTaken returns when the reader of w has taken all that was written.
func untilTaken(w io.Writer) error {
	file, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if err := awaitReader(file, time.Now().Add(maskTimeout)); err != nil {
		return err
	}
	time.Sleep(headStart)
	return nil
}

// maskTimeout is how long a system takes, at most, to read a line from a job.
const maskTimeout = 30 * time.Second

var errUnread = fmt.Errorf("nobody reads the standard error, for %s", maskTimeout)

// leadsToALog is false for what a shell's 2>/dev/null, 2>file and 2>&- make of the standard error: Go opens the null device
// in place of what is closed.
func leadsToALog(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return true
	}
	info, err := file.Stat()
	if err != nil || info.Mode().IsRegular() {
		return false
	}
	if runtime.GOOS == "windows" {
		return info.Mode()&os.ModeCharDevice == 0
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, null)
}

// sameStream holds for 2>&1.
func sameStream(stdout, stderr io.Writer) bool {
	a, ok := stdout.(*os.File)
	b, ok2 := stderr.(*os.File)
	if !ok || !ok2 {
		return stdout == stderr
	}
	here, _ := a.Stat() // what can't be told is the same as nothing
	there, _ := b.Stat()
	return os.SameFile(here, there)
}
