package login

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a dead process has left all the same, the next one removes; what belongs to a living one, it doesn't touch.
func TestLeftoversOfDeadProcesses(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp) // on Windows
	living, err := newTokenFolder()
	require.NoError(t, err)
	release, released := living.release, false
	living.release = func() {
		release()
		released = true
	}
	require.NoError(t, replace(living.token(), "living"))
	dead := filepath.Join(os.TempDir(), folderPrefix+"dead")
	require.NoError(t, os.Mkdir(dead, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dead, lockName), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dead, "token"), []byte("dead"), 0o600))
	begun := filepath.Join(os.TempDir(), folderPrefix+"begun") // by a process that will lock it now
	require.NoError(t, os.Mkdir(begun, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(begun, lockName), nil, 0o600))
	others := filepath.Join(os.TempDir(), "azoidc-test")
	require.NoError(t, os.Mkdir(others, 0o700))
	for _, name := range []string{lockName, "token"} { // as if it were one of ours, but for its name
		require.NoError(t, os.WriteFile(filepath.Join(others, name), nil, 0o600))
	}

	another, err := newTokenFolder()
	require.NoError(t, err)

	require.NoDirExists(t, dead)
	require.DirExists(t, begun)
	require.DirExists(t, others)
	require.FileExists(t, living.token())
	living.remove()
	require.NoDirExists(t, living.path)
	require.True(t, released, "nobody waits for its end any more")
	another.remove()
}

// Somebody else's folder, or one that somebody else leads to, is left alone.
func TestLeftoversOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a folder somebody else's")
	}
	temp, target := t.TempDir(), t.TempDir()
	for _, folder := range []string{filepath.Join(temp, folderPrefix+"others"), target} {
		require.NoError(t, os.MkdirAll(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, lockName), nil, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "token"), nil, 0o600))
	}
	require.NoError(t, os.Chown(filepath.Join(temp, folderPrefix+"others"), 65534, 65534))
	require.NoError(t, os.Symlink(target, filepath.Join(temp, folderPrefix+"link")))
	removeAbandoned(temp)
	require.FileExists(t, filepath.Join(temp, folderPrefix+"others", "token"))
	require.FileExists(t, filepath.Join(target, "token"))
}
