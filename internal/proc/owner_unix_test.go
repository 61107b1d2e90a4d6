//go:build unix

package proc_test

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

// somebodys is what the system says of a folder, whoever it belongs to.
type somebodys struct {
	fs.FileInfo
	mode fs.FileMode
	sys  any
}

func (s somebodys) Mode() fs.FileMode { return s.mode }
func (s somebodys) Sys() any          { return s.sys }

func TestWhoseAFolderIs(t *testing.T) {
	own, err := os.Stat(t.TempDir())
	require.NoError(t, err)
	require.True(t, proc.IsOwnFolder(own))
	require.False(t, proc.IsOwnFolder(somebodys{sys: &syscall.Stat_t{Uid: uint32(os.Geteuid()) + 1}}))
	require.False(t, proc.IsOwnFolder(somebodys{}), "a file system that doesn't say")

	me, err := user.Current()
	require.NoError(t, err)
	require.Equal(t, me.Uid, proc.UserName())
}

func TestWhoGetsIntoAFolder(t *testing.T) {
	for mode, closed := range map[fs.FileMode]bool{
		fs.ModeDir | 0o700: true, fs.ModeDir | 0o300: true, 0o600: true, fs.ModeDir: true,
		0o701: false, 0o702: false, 0o704: false, 0o710: false, 0o720: false, 0o740: false, 0o755: false, 0o777: false,
	} {
		require.Equal(t, closed, proc.IsClosedFolder(somebodys{mode: mode}), mode)
	}
}

// TestALinkIsNoLock: what it leads to is somebody else's.
func TestALinkIsNoLock(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.WriteFile(other, nil, 0o600))
	folder := t.TempDir()
	lock := filepath.Join(folder, "lock")
	require.NoError(t, os.Symlink(other, lock))
	proc.RemoveUnlessLocked(folder, lock)
	require.DirExists(t, folder)
}

// TestFilesAreClosed, whatever comes of them.
func TestFilesAreClosed(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("this system doesn't list the open files")
		}
		return len(entries)
	}
	folder := t.TempDir()
	lock := filepath.Join(folder, "lock")
	locked, err := proc.LockFile(lock)
	require.NoError(t, err)
	before := open()
	for range 20 {
		_, err := proc.ReadFile(lock)
		require.NoError(t, err)
		proc.RemoveUnlessLocked(folder, lock)
	}
	require.Less(t, open(), before+10)
	require.NoError(t, locked.Close())
}
