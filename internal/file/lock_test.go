//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows

package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/file"
)

// TestAFolderStaysWhileItsFileIsLocked, and is removed by the next one who looks after that.
func TestAFolderStaysWhileItsFileIsLocked(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "job")
	require.NoError(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "lock")
	file.RemoveUnlessLocked(folder, path)
	require.DirExists(t, folder, "a file that isn't there yet isn't free")

	locked, err := file.Lock(path)
	require.NoError(t, err)
	_, err = file.Lock(path)
	require.ErrorIs(t, err, os.ErrExist)
	file.RemoveUnlessLocked(folder, path)
	require.FileExists(t, path)
	_, err = locked.WriteString("mine")
	require.NoError(t, err)
	info, err := locked.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o111)

	require.NoError(t, locked.Close())
	file.RemoveUnlessLocked(folder, path)
	require.NoDirExists(t, folder)
}
