package ci

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// headStart is for who passes a line on where this can't be seen, such as docker exec.
const headStart = 50 * time.Millisecond

// awaitReader asks how much of what was written to a pipe, a socket or a terminal wasn't read yet, until that is nothing.
func awaitReader(file *os.File, deadline time.Time) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	request := uintptr(syscall.TIOCOUTQ) // which is a socket's SIOCOUTQ, see unix(7)
	if info.Mode()&os.ModeNamedPipe != 0 {
		request = syscall.TIOCINQ // which is a pipe's FIONREAD
	}
	for pause := 100 * time.Microsecond; time.Now().Before(deadline); pause = min(2*pause, 20*time.Millisecond) {
		var left int32
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(&left))); errno != 0 {
			return fmt.Errorf("it doesn't tell what was read: %w", errno)
		}
		if left == 0 {
			return nil
		}
		time.Sleep(pause)
	}
	return errUnread
}
