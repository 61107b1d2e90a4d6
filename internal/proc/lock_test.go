//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows

package proc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

// TestAFolderStaysWhileItsFileIsLocked, and is removed by the next one who looks after that.
func TestAFolderStaysWhileItsFileIsLocked(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "job")
	require.NoError(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "lock")
	proc.RemoveUnlessLocked(folder, path)
	require.DirExists(t, folder, "a file that isn't there yet isn't free")

	locked, err := proc.LockFile(path)
	require.NoError(t, err)
	_, err = proc.LockFile(path)
	require.ErrorIs(t, err, os.ErrExist)
	proc.RemoveUnlessLocked(folder, path)
	require.FileExists(t, path)
	_, err = locked.WriteString("mine")
	require.NoError(t, err)
	info, err := locked.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o111)

	require.NoError(t, locked.Close())
	proc.RemoveUnlessLocked(folder, path)
	require.NoDirExists(t, folder)
}
