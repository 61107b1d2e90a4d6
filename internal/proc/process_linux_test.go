package proc

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A program's name can hold whatever makes the line look otherwise.
func TestReadStat(t *testing.T) {
	const rest = " S 1 71 71 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 6 7"
	listed, err := readStat(71, "71 (a) S 2 (b c) 9)"+rest)
	require.NoError(t, err)
	require.Equal(t, "a) S 2 (b c) 9", listed.Name)
	require.True(t, listed.LeadsSession)
	require.Equal(t, 1, listed.parent)
	require.Equal(t, int64(12345), listed.began)
	listed, err = readStat(71, "71 (a) S 1 71 70 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345")
	require.NoError(t, err)
	require.False(t, listed.LeadsSession)
	for _, ended := range []string{"Z", "X"} {
		_, err = readStat(71, "71 (a) "+ended+rest[2:])
		require.ErrorIs(t, err, errEnded)
		for _, threads := range []string{"2", "12"} { // the others still hold what is open
			_, err = readStat(71, "71 (a) "+ended+strings.Replace(rest[2:], "20 0 1 0", "20 0 "+threads+" 0", 1))
			require.NoError(t, err)
		}
	}
	for _, stat := range []string{"", "71", "71 (a", "71 a)" + rest, ") (" + rest, "71 (a) S 1", "71 (a)" + strings.TrimSuffix(rest, " 12345 6 7"), "71 (a) S x" + rest[4:], "71 (a)" + strings.Replace(rest, "12345", "x", 1)} {
		_, err := readStat(71, stat)
		require.Error(t, err, stat)
		require.NotErrorIs(t, err, errEnded)
	}
}

// Where there is only one space, it isn't told.
func TestProcessWithoutSpace(t *testing.T) {
	process, err := Parse("71.2-a")
	require.NoError(t, err)
	require.Equal(t, Process{ID: 71, start: "2-a"}, process)
	require.Equal(t, "71.2-a", process.String())
}

// A parent has begun before its child, or another has its ID by now.
func TestAncestorsAreOlder(t *testing.T) {
	self, err := Find(os.Getpid())
	require.NoError(t, err)
	require.Empty(t, Listed{parent: self.ID, began: self.began - 1}.Ancestors())
	require.Empty(t, Listed{parent: math.MaxInt32, began: math.MaxInt64}.Ancestors())
	_, err = Find(math.MaxInt32)
	require.ErrorIs(t, err, errEnded)
	require.Equal(t, self, Listed{parent: self.ID, began: self.began}.Ancestors()[0])
}

// What has ended doesn't run, though nobody has buried it.
func TestAliveInGroup(t *testing.T) {
	cmd := exec.Command("sh", "-c", "read -r line")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	group := cmd.Process.Pid
	require.True(t, alive(group))
	require.NoError(t, stdin.Close())
	require.Eventually(t, func() bool { return !alive(group) }, time.Minute, time.Millisecond)
	require.NoError(t, syscall.Kill(-group, 0), "it isn't buried")
	require.Error(t, cmd.Wait())
	require.False(t, alive(group))
	for stat, want := range map[string]bool{"1 (a b) S 2 71 3": true, "1 (a) S 2 72 71": false, "1 (a) Z 2 71 3": false, "1 (a) S 2 71": true, "1 (a) Z 2 71" + strings.Repeat(" 3", 14): false, "1 (a) S 71": false, "": false} {
		require.Equal(t, want, runsIn([]byte(stat), 71), stat)
	}
}

// children are this process's, buried or not, by ID with their command lines.
func children(t *testing.T) map[int]string {
	t.Helper()
	found := map[int]string{}
	folders, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, folder := range folders {
		stat, err := os.ReadFile(folder + "/stat")
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if err != nil || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		id, err := strconv.Atoi(filepath.Base(folder))
		require.NoError(t, err)
		line, err := os.ReadFile(folder + "/cmdline")
		require.NoError(t, err)
		found[id] = string(line)
	}
	return found
}

// helper is the child that only helps. It has nothing secret, and keeps no folder from being removed.
func helper(t *testing.T, text string) (id int) {
	t.Helper()
	var env []byte
	for began := time.Now(); len(env) == 0; time.Sleep(time.Millisecond) { // a program's arguments and variables are there soon after its start
		require.Less(t, time.Since(began), time.Minute, "no child has %q", text)
		for child, line := range children(t) {
			if strings.Contains(line, text) {
				id = child
				env, _ = os.ReadFile("/proc/" + strconv.Itoa(id) + "/environ")
			}
		}
	}
	folder := "/proc/" + strconv.Itoa(id)
	require.Contains(t, string(env), "PATH=/usr/bin:/bin\x00")
	require.NotContains(t, string(env), "HOME=")
	cwd, err := os.Readlink(folder + "/cwd")
	require.NoError(t, err)
	require.Equal(t, "/", cwd)
	return id
}

func TestRemoveAtDeath(t *testing.T) {
	t.Setenv("HOME", "/a/home")
	folder := t.TempDir()
	release := RemoveAtDeath(folder)
	process, err := Find(helper(t, folder))
	require.NoError(t, err)
	require.True(t, process.LeadsSession)
	release()
	require.Empty(t, children(t))
	require.DirExists(t, folder)
}

// The end of the command is the end of all that was started for it.
func TestGroupLeavesNoHelper(t *testing.T) {
	group := NewGroup(exec.CommandContext(t.Context(), "true"))
	require.NoError(t, group.Start())
	require.NoError(t, group.Wait())
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		group.End()
		require.Zero(t, time.Since(began), "it left nothing to wait for")
	})
	require.Empty(t, children(t))
}

// In a terminal the process group is this program's, so that what ends with it is the command alone.
func TestGroupInATerminal(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "1000")
	group := NewGroup(cmd)
	require.Equal(t, syscall.SIGKILL, cmd.SysProcAttr.Pdeathsig, "where there is no shell to see to it")
	group.own, cmd.SysProcAttr.Setpgid = false, false
	require.NoError(t, group.Start())
	require.NotNil(t, group.witness)
	none := NewGroup(exec.CommandContext(t.Context(), "/none/such"))
	none.own = false
	require.Error(t, none.Start())
	require.Len(t, children(t), 3, "the command, its witness and its lifeline")
	lifeline := strings.Split(children(t)[helper(t, "read -r released")], "\x00")
	require.Equal(t, []string{strconv.Itoa(cmd.Process.Pid), ""}, lifeline[len(lifeline)-2:])
	witness := group.witness
	group.witness = nil
	group.Pass(syscall.SIGINT) // is taken for what the terminal sends to the command, too
	group.Pass(syscall.SIGTERM)
	group.witness = witness
	require.Error(t, group.Wait())
	require.Equal(t, 128+int(syscall.SIGTERM), ExitStatus(cmd.ProcessState))
	group.End()
	require.Empty(t, children(t))
}

// A witness tells of each signal that came to it.
func TestWitness(t *testing.T) {
	t.Setenv("HOME", "/a/home")
	for _, sig := range Signals() {
		w := newWitness()
		require.NotNil(t, w)
		for range 2 {
			require.NoError(t, w.cmd.Process.Signal(sig)) // at once
			select {
			case at := <-w.told[sig]:
				require.NotZero(t, at)
			case <-w.gone:
				t.Fatal(sig, "has ended the witness")
			}
		}
		require.Equal(t, w.cmd.Process.Pid, helper(t, "trap"))
		w.dismiss()
	}
	require.Empty(t, children(t))
}

// Without files to spare, for some or all of what a helper needs, there is none, and nothing is done too early.
func TestNoHelperWithoutFiles(t *testing.T) {
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	folder := t.TempDir()
	for few := range uint64(30) {
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: few, Max: before.Max}))
		release, w := RemoveAtDeath(folder), newWitness()
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))
		release()
		require.DirExists(t, folder)
		require.True(t, few > 0 || w == nil)
		w.dismiss()
	}
	require.Empty(t, children(t))
}

func TestForbidCoreDumps(t *testing.T) {
	limit := func() (now syscall.Rlimit) {
		require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_CORE, &now))
		return now
	}
	before := limit()
	if before.Max == 0 {
		t.Skip("core dumps are forbidden here")
	}
	t.Cleanup(func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_CORE, &before)) })
	wanted := syscall.Rlimit{Cur: before.Max, Max: before.Max}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_CORE, &wanted))
	allowed := ForbidCoreDumps()
	none := syscall.Rlimit{Max: before.Max}
	require.Equal(t, none, limit())
	require.ErrorIs(t, allowed(func() error {
		require.Equal(t, wanted, limit())
		return errEnded
	}), errEnded)
	require.Equal(t, none, limit())
	require.Nil(t, ForbidCoreDumps(), "they are forbidden already")
}
