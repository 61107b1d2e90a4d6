package main

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// In a terminal, Ctrl-C interrupts the command once: the terminal does it, and azoidc doesn't do it again.
func TestExecInTerminal(t *testing.T) {
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "signals", "exec")
	keyboard, screen := openTerminal(t)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = screen, screen, screen
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, p.cmd.Start())
	require.NoError(t, screen.Close())
	lines := bufio.NewScanner(keyboard)
	shows(t, lines, "ready")
	_, err := keyboard.Write([]byte{3}) // Ctrl-C
	require.NoError(t, err)
	shows(t, lines, "interrupt")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	shows(t, lines, "terminated")
	require.Error(t, p.cmd.Wait())
	require.Equal(t, 7, p.cmd.ProcessState.ExitCode())
}

// shows requires that the terminal's next line is this one, but for the echo of Ctrl-C.
func shows(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	require.True(t, lines.Scan())
	require.Contains(t, []string{want, "^C" + want}, lines.Text())
}

// openTerminal makes a pseudoterminal, see pty(7).
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudoterminals here")
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	var unlock, number int32
	control(t, keyboard, syscall.TIOCSPTLCK, &unlock)
	control(t, keyboard, syscall.TIOCGPTN, &number)
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return keyboard, screen
}

func control(t *testing.T, file *os.File, request uintptr, argument *int32) {
	t.Helper()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(argument)))
	require.Zero(t, errno)
}
