//go:build unix

package proc_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/testbed"
)

// shell is sh, which runs script.
func shell(ctx context.Context, script string) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", "-c", script)
}

// started starts cmd, and returns the number that it prints first: the process ID of a child of its own.
func started(t *testing.T, cmd *exec.Cmd, start func() error) (child int) {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	child, err = strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.True(t, alive(child))
	return child
}

// alive is false for a zombie, too: whoever inherited it may take its time to reap it.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return !alive(pid) }, 10*time.Second, time.Millisecond, "the command's child lives on")
}

func TestKillTree(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := shell(ctx, "sleep 1000 & echo $!; wait")
	proc.KillTree(cmd)
	child := started(t, cmd, cmd.Start)
	cancel()
	require.Error(t, cmd.Wait())
	require.Equal(t, 128+int(syscall.SIGKILL), proc.ExitStatus(cmd.ProcessState))
	requireGone(t, child)
}

// inGroup skips where the tests have a terminal, because the group is then not the command's own.
func inGroup(t *testing.T, cmd *exec.Cmd) *proc.Group {
	t.Helper()
	if terminal, err := os.Open("/dev/tty"); err == nil {
		require.NoError(t, terminal.Close())
		t.Skip("there is a terminal here; cmd/azoidc has a test for that")
	}
	return proc.NewGroup(cmd)
}

func TestGroupLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	group, child := left(t, "sleep 1000 & echo $!")
	group.SetGrace(time.Minute)
	began := time.Now()
	group.End()
	require.Less(t, time.Since(began), time.Minute)
	requireGone(t, child)
}

// What doesn't end when it is asked to has its time, in which it is looked at now and then.
func TestGroupKillsTheStubborn(t *testing.T) {
	t.Parallel()
	group, child := left(t, `trap "" TERM; sleep 1000 & echo $!`)
	const grace = 100 * time.Millisecond
	group.SetGrace(grace)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		group.End()
		require.InDelta(t, grace+10*time.Millisecond, time.Since(began), float64(10*time.Millisecond))
	})
	requireGone(t, child)
}

// left is what a script has left running: its child, whose process ID it has printed.
func left(t *testing.T, script string) (*proc.Group, int) {
	t.Helper()
	cmd := shell(t.Context(), script)
	group := inGroup(t, cmd)
	require.Equal(t, []time.Duration{proc.Grace, proc.Grace}, []time.Duration{group.Grace(), cmd.WaitDelay})
	child := started(t, cmd, group.Start)
	require.NoError(t, group.Wait())
	require.True(t, alive(child))
	return group, child
}

func TestGroupPassesSignals(t *testing.T) {
	testbed.NotShort(t, "starts a program for each signal")
	require.Equal(t, []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}, proc.Signals())
	for _, sig := range proc.Signals() {
		cmd := shell(t.Context(), `trap "exit 7" INT TERM HUP QUIT; echo $$; while :; do sleep 0.01; done`)
		group := inGroup(t, cmd)
		started(t, cmd, group.Start)
		group.Pass(sig)
		require.Error(t, group.Wait())
		require.Equal(t, 7, proc.ExitStatus(cmd.ProcessState), sig)
		group.Pass(sig) // the command has ended
		group.End()
	}
}

// The end of its context asks the command, which may end as it likes.
func TestGroupEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := shell(ctx, `trap "exit 7" TERM; echo $$; while :; do sleep 0.01; done`)
	group := inGroup(t, cmd)
	started(t, cmd, group.Start)
	cancel()
	require.Error(t, group.Wait())
	require.Equal(t, 7, proc.ExitStatus(cmd.ProcessState))
	group.End()
}

func TestExitStatus(t *testing.T) {
	for script, status := range map[string]int{
		"exit 0": 0, "exit 42": 42, "kill -KILL $$": 137, "kill -TERM $$": 143, "kill -SEGV $$": 139,
	} {
		cmd := shell(t.Context(), script)
		_ = cmd.Run() // ExitStatus tells
		require.Equal(t, status, proc.ExitStatus(cmd.ProcessState), script)
	}
	require.Equal(t, 130, proc.SignalStatus(os.Interrupt))
	require.Equal(t, 1, proc.SignalStatus(unnumbered{}))
}

type unnumbered struct{}

func (unnumbered) String() string { return "a note" }
func (unnumbered) Signal()        {}

func TestGroupOfNothing(t *testing.T) {
	require.ErrorIs(t, proc.NewGroup(exec.CommandContext(t.Context(), "/none/such")).Start(), os.ErrNotExist)
	require.False(t, keepsItsThread())
}

// The end of a thread is the death of a parent: it is kept until the command has ended.
func TestGroupKeepsItsThread(t *testing.T) {
	group := proc.NewGroup(shell(t.Context(), "exit 0"))
	require.NoError(t, group.Start())
	require.True(t, keepsItsThread())
	require.NoError(t, group.Wait())
	require.False(t, keepsItsThread())
	group.End()
}

// keepsItsThread tells whether this goroutine has a thread to itself, as its stack trace has it.
func keepsItsThread() bool {
	running, _, _ := strings.Cut(string(debug.Stack()), "\n")
	return strings.Contains(running, "locked to thread")
}

// A signal ends the process that it is for, and its end is waited for.
func TestSignal(t *testing.T) {
	for kill, status := range map[bool]int{false: 143, true: 137} {
		cmd := shell(t.Context(), "echo $$; exec sleep 1000")
		process, err := proc.Find(started(t, cmd, cmd.Start))
		require.NoError(t, err)
		process.Signal(kill)
		reaped := make(chan error, 1)
		go func() { reaped <- cmd.Wait() }()
		require.True(t, process.AwaitEnd(time.Minute))
		require.Error(t, <-reaped)
		require.Equal(t, status, proc.ExitStatus(cmd.ProcessState))
	}
}
