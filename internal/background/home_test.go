package background

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/environ"
	"github.com/azoidc/azoidc/internal/file"
	"github.com/azoidc/azoidc/internal/proc"
)

func TestHomesPath(t *testing.T) {
	for name, test := range map[string]struct {
		env  environ.Variables
		want string
	}{
		"GitHub Actions":  {environ.Variables{"RUNNER_TEMP=/r", "XDG_RUNTIME_DIR=/x"}, "/r/azoidc"},
		"Azure Pipelines": {environ.Variables{"AGENT_TEMPDIRECTORY=/a", "XDG_RUNTIME_DIR=/x"}, "/a/azoidc"},
		"a session":       {environ.Variables{"XDG_RUNTIME_DIR=/x"}, "/x/azoidc"},
		"nothing":         {nil, filepath.Join(os.TempDir(), "azoidc-"+file.UserName())},
	} {
		require.Equal(t, filepath.FromSlash(test.want), HomesIn(test.env), name)
	}
}

func self(t testing.TB) proc.Process {
	t.Helper()
	self, err := proc.Find(os.Getpid())
	require.NoError(t, err)
	return self.Process
}

// deadOne has this process' ID and has ended.
func deadOne(t testing.TB, start string) proc.Process {
	t.Helper()
	fields := strings.Split(self(t).String(), ".")
	fields[1] = start
	dead, err := proc.Parse(strings.Join(fields, "."))
	require.NoError(t, err)
	require.Equal(t, proc.Ended, dead.State())
	return dead
}

func TestClaim(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "azoidc")
	h, err := Claim(path, "a", self(t))
	require.NoError(t, err)
	_, err = Claim(path, "a", self(t))
	require.ErrorAs(t, err, &OccupiedError{})
	other, err := Claim(path, "b", self(t))
	require.NoError(t, err)
	require.NoError(t, h.Leave(self(t)))
	_, err = h.Owner()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, other.Leave(self(t)))
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, left)
}

// What somebody dead has left is taken over, but only once, with nothing of it.
func TestClaimAfterADeath(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "azoidc")
	h, err := Claim(path, "a", deadOne(t, "1"))
	require.NoError(t, err)
	log, err := h.openLog()
	require.NoError(t, err)
	require.NoError(t, log.Close())
	require.NoError(t, h.homes.Mkdir("."+deadOne(t, "2").String(), 0o700)) // died while it built
	h, err = Claim(path, "a", self(t))
	require.NoError(t, err)
	owner, err := h.Owner()
	require.NoError(t, err)
	require.Equal(t, self(t), owner)
	require.Error(t, h.Pass(deadOne(t, "1"), deadOne(t, "3")), "it isn't the dead one's any more")
	_, err = h.ReadLog()
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, h.Leave(self(t)))
	left, err := os.ReadDir(parent)
	require.NoError(t, err)
	require.Empty(t, left)
}

// A folder that others may have made, or may look into, isn't used.
func TestHomesOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no mode to be wrong")
	}
	elsewhere := t.TempDir()
	for name, test := range map[string]struct {
		make func(path string) error
		said string
	}{
		"a link": {func(path string) error { return os.Symlink(elsewhere, path) }, "is no folder"},
		"a file": {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is no folder"},
		"open":   {func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o755)) }, "open to other users"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "azoidc")
			require.NoError(t, test.make(path))
			_, err := Claim(path, "a", self(t))
			require.ErrorContains(t, err, test.said)
			_, _, err = Find(path, "a")
			require.ErrorContains(t, err, test.said)
		})
	}
	left, err := os.ReadDir(elsewhere)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestHomeOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("takes root to make")
	}
	path := filepath.Join(t.TempDir(), "azoidc")
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, os.Chown(path, 12345, 12345))
	_, err := Claim(path, "a", self(t))
	require.ErrorContains(t, err, "another user's")
}
