package background

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestHomesPath(t *testing.T) {
	for name, test := range map[string]struct {
		env  ci.Variables
		want string
	}{
		"GitHub Actions":  {ci.Variables{"RUNNER_TEMP=/r", "XDG_RUNTIME_DIR=/x"}, "/r/azoidc"},
		"Azure Pipelines": {ci.Variables{"AGENT_TEMPDIRECTORY=/a", "XDG_RUNTIME_DIR=/x"}, "/a/azoidc"},
		"a session":       {ci.Variables{"XDG_RUNTIME_DIR=/x"}, "/x/azoidc"},
		"nothing":         {nil, filepath.Join(os.TempDir(), "azoidc-"+proc.UserName())},
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
	taken, err := Claim(path, "a", self(t))
	require.ErrorAs(t, err, &OccupiedError{})
	require.Equal(t, h.Path(), taken.Path())
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

func TestName(t *testing.T) {
	var name Name
	for _, good := range []string{"a", "0", "_a.b-C", strings.Repeat("a", 80)} {
		require.NoError(t, name.Set(good))
		require.Equal(t, good, name.String())
	}
	for _, bad := range []string{"", ".a", "-a", "a/b", "a b", strings.Repeat("a", 81)} {
		require.Error(t, name.Set(bad), bad)
	}
}

// What isn't there isn't made by who looks for it.
func TestFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "azoidc")
	_, _, err := Find(path, "a")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoDirExists(t, path)
	_, err = Open("azoidc", "a")
	require.ErrorContains(t, err, "azoidc is no absolute path")
	made, err := Claim(path, "a", self(t))
	require.NoError(t, err)
	require.Equal(t, path, made.Folder())
	require.Equal(t, filepath.Join(path, "a"), made.Path())
	h, owner, err := Find(path, "a")
	require.NoError(t, err)
	require.Equal(t, self(t), owner)
	require.NoError(t, os.Remove(filepath.Join(path, "a", ownerPrefix+self(t).String())))
	_, err = h.Owner()
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, _, err = Find(path, "b")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, OccupiedError{self(t)}, fmt.Sprintf("process %d has it", os.Getpid()))
}

// Only the owner leaves, and only what is nobody's is swept away.
func TestWhatIsSomebodysStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "azoidc")
	dead := deadOne(t, "1")
	likeAProcess, err := Claim(path, Name(dead.String()), self(t))
	require.NoError(t, err)
	site := "." + self(t).String()
	require.NoError(t, likeAProcess.homes.Mkdir(site, 0o700))
	require.NoError(t, likeAProcess.homes.Mkdir(".unknown", 0o700))
	_, err = Claim(path, Name(dead.String()), self(t))
	require.ErrorAs(t, err, &OccupiedError{})
	require.DirExists(t, filepath.Join(path, site))
	require.DirExists(t, filepath.Join(path, ".unknown"))
	require.Error(t, likeAProcess.LeaveFor(dead, self(t)))
	_, err = likeAProcess.Owner()
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(path, site)))
	require.NoError(t, likeAProcess.Leave(self(t)))
	require.Error(t, likeAProcess.Leave(self(t)), "it is gone")
	require.DirExists(t, filepath.Join(path, ".unknown"))
}

// A home that is nobody's, as between two steps of somebody's leaving, is waited for; but not for ever.
func TestClaimWaitsForALeaving(t *testing.T) {
	testbed.NotShort(t, "looks again a thousand times")
	path := filepath.Join(t.TempDir(), "azoidc")
	inTheWay := filepath.Join(path, "a", "rest")
	require.NoError(t, os.MkdirAll(inTheWay, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(path, "b"), nil, 0o600))
	_, _, err := Find(path, "b")
	require.Error(t, err)
	require.NotErrorIs(t, err, fs.ErrNotExist)
	synctest.Test(t, func(t *testing.T) {
		_, err := Claim(path, "a", self(t))
		require.ErrorIs(t, err, fs.ErrNotExist, "it has no owner")
		time.AfterFunc(10*time.Millisecond, func() { _ = os.RemoveAll(filepath.Dir(inTheWay)) })
		h, err := Claim(path, "a", self(t))
		require.NoError(t, err)
		owner, err := h.Owner()
		require.NoError(t, err)
		require.Equal(t, self(t), owner)
	})
}
