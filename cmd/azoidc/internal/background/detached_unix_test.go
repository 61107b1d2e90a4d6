//go:build unix

package background

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

// duplicate has a file under a number that is at least this one, and is left open to children.
func duplicate(t *testing.T, file *os.File, least uintptr) uintptr {
	t.Helper()
	number, _, errno := syscall.Syscall(syscall.SYS_FCNTL, file.Fd(), syscall.F_DUPFD, least)
	if errno != 0 {
		t.Skip("so many files can't be open here")
	}
	t.Cleanup(func() { _ = syscall.Close(int(number)) })
	return number
}

func TestDetached(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	t.Setenv("HOME", "/a/home")
	leaked := duplicate(t, log, 1100)
	script := fmt.Sprintf(`read -r line <&3; echo "$line $0 $PWD $HOME"; { test -e /dev/fd/%d && echo leaked; } >&4; echo "$line $0 $PWD $HOME" >&4; echo crash >&2; exec 4>&-; read -r line <&3`, leaked)
	child, channel, err := Detached{Path: "/bin/sh", Args: []string{"sh", "-c", script, "name"}, Dir: "/", Log: log}.Start()
	require.NoError(t, err)
	_, err = fmt.Fprintln(channel, "hello")
	require.NoError(t, err)
	said, err := io.ReadAll(channel)
	require.NoError(t, err)
	require.Equal(t, "hello name / \n", string(said))
	process, err := proc.Find(child.Process.Pid)
	require.NoError(t, err)
	require.True(t, process.LeadsSession)
	require.NoError(t, channel.Close())
	End(child)
	require.NotNil(t, child.ProcessState)
	told, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	require.Equal(t, "crash\n", string(told))
	require.ErrorIs(t, channel.Close(), os.ErrClosed)
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(files)
}

func TestDetachedThatIsNoProgram(t *testing.T) {
	requireNothingLeftOpen(t, func() {
		_, _, err := Detached{Path: "/none/such"}.Start()
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

// requireNothingLeftOpen is of what f opens. What other tests have left, the collector closes at any time.
func requireNothingLeftOpen(t *testing.T, f func()) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := openFiles(t)
	f()
	require.LessOrEqual(t, openFiles(t), before)
}

// Who starts it by hand has no channel.
func TestOpenChannelElsewhere(t *testing.T) {
	_, err := OpenChannel()
	require.ErrorIs(t, err, errNoChannel)
}
