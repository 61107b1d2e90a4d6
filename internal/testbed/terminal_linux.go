package testbed

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// OpenTerminal makes a pseudoterminal, see pty(7): what is typed into keyboard is read from screen, and the reverse.
func OpenTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudoterminals here")
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	var unlock, number int32
	ControlTerminal(t, keyboard, syscall.TIOCSPTLCK, &unlock)
	ControlTerminal(t, keyboard, syscall.TIOCGPTN, &number)
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = screen.Close() })
	return keyboard, screen
}

// ControlTerminal makes a request of ioctl_tty(2).
func ControlTerminal(t *testing.T, file *os.File, request uintptr, argument *int32) {
	t.Helper()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(argument)))
	require.Zero(t, errno)
}
