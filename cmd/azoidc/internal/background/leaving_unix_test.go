//go:build unix

package background

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
)

// Who was told ends by itself. Who couldn't be is told by a signal.
func TestAwaitLeaving(t *testing.T) {
	testbed.NotShort(t, "waits for the ends of programs")
	for name, test := range map[string]struct {
		script string
		asked  error
		status int
	}{
		"told":     {"read -r _; sleep 0.03", nil, 0},
		"not told": {"exec sleep 1000", errors.New("nobody listens"), 143},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", test.script)
			told, err := cmd.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			owner, err := proc.Find(cmd.Process.Pid)
			require.NoError(t, err)
			require.NoError(t, told.Close())
			require.True(t, Home{}.AwaitLeaving(owner.Process, test.asked))
			_ = cmd.Wait() // ProcessState tells
			require.Equal(t, test.status, proc.ExitStatus(cmd.ProcessState))
		})
	}
}

// elsewhere is this process' ID in another container.
func elsewhere(t *testing.T) proc.Process {
	t.Helper()
	fields := strings.Split(self(t).String(), ".")
	other, err := proc.Parse(strings.Join(append(fields[:2], "1"), "."))
	require.NoError(t, err)
	require.Equal(t, proc.Elsewhere, other.State())
	return other
}

// The end of one in another container is seen by its home only.
func TestAwaitLeavingOfAnotherContainer(t *testing.T) {
	h, err := Claim(t.TempDir()+"/azoidc", "a", elsewhere(t))
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.False(t, h.AwaitLeaving(elsewhere(t), errors.New("nobody listens")))
		require.Zero(t, time.Since(began))
		require.False(t, h.AwaitLeaving(elsewhere(t), nil))
		require.Equal(t, endTimeout, time.Since(began))
		time.AfterFunc(time.Second-time.Millisecond, func() { _ = h.Pass(elsewhere(t), deadOne(t, "1")) })
		require.True(t, h.AwaitLeaving(elsewhere(t), nil), "another has it")
		require.Equal(t, endTimeout+time.Second, time.Since(began))
		require.NoError(t, h.LeaveFor(deadOne(t, "1"), self(t)))
		require.True(t, h.AwaitLeaving(elsewhere(t), nil), "it is gone")
	})
}

// Who fails leaves nothing of its own behind, and doesn't touch what is another's.
func TestGiveUp(t *testing.T) {
	h := newHome(t)
	require.NoError(t, h.Pass(self(t), elsewhere(t)))
	require.NoError(t, h.GiveUp(self(t)))
	owner, err := h.Owner()
	require.NoError(t, err)
	require.Equal(t, elsewhere(t), owner)
	require.NoError(t, h.Pass(elsewhere(t), deadOne(t, "1")))
	require.NoError(t, h.GiveUp(self(t)))
	require.NoDirExists(t, h.Path())
	require.NoError(t, h.GiveUp(self(t)), "it is gone")
	h = newHome(t)
	require.NoError(t, h.GiveUp(self(t)))
	require.NoDirExists(t, h.Path())
}

// Only what the one that has ended has left is removed.
func TestTidy(t *testing.T) {
	h := newHome(t)
	require.NoError(t, h.Tidy(deadOne(t, "1")))
	owner, err := h.Owner()
	require.NoError(t, err)
	require.Equal(t, self(t), owner)
	require.NoError(t, h.Pass(self(t), deadOne(t, "1")))
	require.NoError(t, h.Tidy(deadOne(t, "1")))
	_, err = h.Owner()
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestTidyFails(t *testing.T) {
	h := newHome(t)
	require.NoError(t, h.Pass(self(t), deadOne(t, "1")))
	inTheWay := "." + self(t).String()
	require.NoError(t, h.homes.Mkdir(inTheWay, 0o700))
	require.NoError(t, h.homes.Mkdir(inTheWay+"/full", 0o700))
	require.Error(t, h.Tidy(deadOne(t, "1")))
}

func TestTheLogLeavesNothingOpen(t *testing.T) {
	j, h := newJournal(t)
	requireNothingLeftOpen(t, func() {
		for range journalLimit >> 10 { // too many
			j.Note(strings.Repeat("a", 1<<10))
		}
		_, err := h.ReadLog()
		require.NoError(t, err)
	})
}

// Of a log that is a pipe nobody knows how much is in it.
func TestALogThatIsAPipe(t *testing.T) {
	h := newHome(t)
	path := filepath.Join(h.Path(), logFile)
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	both, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = both.Close() }()
	_, err = OpenJournal(h, redact.Against())
	require.ErrorIs(t, err, syscall.ESPIPE)
}

// Nobody else can look into a home or its log.
func TestHomeIsPrivate(t *testing.T) {
	_, h := newJournal(t)
	for path, want := range map[string]fs.FileMode{h.Folder(): 0o700, h.Path(): 0o700, filepath.Join(h.Path(), logFile): 0o600,
		filepath.Join(h.Path(), ownerPrefix+self(t).String()): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
}
