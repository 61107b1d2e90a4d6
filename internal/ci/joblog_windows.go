package ci

import (
	"os"
	"time"
)

// headStart is for who passes a line on where this can't be seen.
const headStart = 50 * time.Millisecond

// awaitReader waits as FlushFileBuffers does on a pipe: until the other end has read all.
// https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers
func awaitReader(file *os.File, deadline time.Time) error {
	flushed := make(chan error, 1)
	go func() { flushed <- file.Sync() }()
	select {
	case err := <-flushed:
		return err
	case <-time.After(time.Until(deadline)):
		return errUnread
	}
}
