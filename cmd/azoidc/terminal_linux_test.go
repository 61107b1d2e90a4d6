package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// What the terminal sends, it sends to both, and the command gets it once. What is sent to azoidc alone reaches the
// command.
func TestExecInTerminal(t *testing.T) {
	t.Parallel()
	terminal := startInTerminal(t, newServer(t, nil), "signals")
	terminal.shows("ready")
	for _, key := range []struct{ key, signal string }{{"\x03", "interrupt"}, {"\x1c", "quit"}, {"\x03", "interrupt"}} {
		terminal.types(key.key)
		terminal.shows(key.signal)
	}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		require.NoError(t, terminal.cmd.Process.Signal(sig))
		terminal.shows(sig.String())
	}
	require.Error(t, terminal.cmd.Wait())
	require.Equal(t, 7, terminal.cmd.ProcessState.ExitCode())
}

// What somebody sends to the whole process group, such as timeout(1), the command gets once, too.
func TestExecInTerminalGetsAGroupsSignalOnce(t *testing.T) {
	t.Parallel()
	terminal := startInTerminal(t, newServer(t, nil), "signals")
	terminal.shows("ready")
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		require.NoError(t, syscall.Kill(-terminal.cmd.Process.Pid, sig))
		terminal.shows(sig.String())
	}
	require.Error(t, terminal.cmd.Wait())
	require.Equal(t, 7, terminal.cmd.ProcessState.ExitCode())
}

// The command is a shell's job like any other: it is stopped, continues, and leaves the terminal to the rest of its pipeline.
func TestExecInAShellWithJobControl(t *testing.T) {
	t.Parallel()
	terminal := startInTerminal(t, newServer(t, nil), "signals", "sh", "-mc", `"$@"; echo stopped $?; fg >/dev/null; echo ended $?`, "sh")
	terminal.shows("ready")
	terminal.types("\x1a") // Ctrl-Z
	terminal.shows(fmt.Sprintf("stopped %d", 128+syscall.SIGTSTP))
	require.Eventually(t, func() bool { return terminal.foreground() != terminal.cmd.Process.Pid }, 30*time.Second, 5*time.Millisecond)
	terminal.types("\x03")
	terminal.shows("interrupt")
	job := terminal.foreground()
	t.Cleanup(func() { _ = syscall.Kill(-job, syscall.SIGKILL) })
	require.NoError(t, terminal.cmd.Process.Kill()) // the terminal hangs up with its session's leader
	terminal.shows("hangup")

	terminal = startInTerminal(t, newServer(t, nil), "wait", "sh", "-mc", `"$@" </dev/null | { read env; read line </dev/tty; echo read "$line"; }`, "sh")
	terminal.types("a line\n")
	terminal.shows("a line") // the echo
	terminal.shows("read a line")
	require.NoError(t, terminal.cmd.Wait())
}

// The command may read from the terminal, as those may that it is for.
func TestExecInTerminalReadsFromIt(t *testing.T) {
	t.Parallel()
	terminal := startInTerminal(t, newServer(t, nil), "wait")
	terminal.lines.Buffer(nil, 1<<20)
	require.True(t, terminal.lines.Scan())
	terminal.types("\x04") // Ctrl-D
	require.NoError(t, terminal.cmd.Wait())
}

// A terminal has azoidc exec in it.
type terminal struct {
	t        *testing.T
	cmd      *exec.Cmd
	keyboard *os.File
	lines    *bufio.Scanner
}

// startInTerminal starts azoidc exec with a command in that role, as what is before it, or as a session of its own.
func startInTerminal(t *testing.T, cloud *azoidctest.Server, role string, before ...string) *terminal {
	t.Helper()
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), role, "exec")
	keyboard, screen := testbed.OpenTerminal(t)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = screen, screen, screen
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if len(before) > 0 {
		path, err := exec.LookPath(before[0])
		require.NoError(t, err)
		p.cmd.Args = slices.Concat(before, []string{binary}, p.cmd.Args[1:])
		p.cmd.Path = path
	}
	require.NoError(t, p.cmd.Start())
	giveUp := time.AfterFunc(30*time.Second, func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	t.Cleanup(func() { // only when the test has failed
		giveUp.Stop()
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	})
	require.NoError(t, screen.Close())
	return &terminal{t, p.cmd, keyboard, bufio.NewScanner(keyboard)}
}

func (t *terminal) types(keys string) {
	t.t.Helper()
	_, err := t.keyboard.WriteString(keys)
	require.NoError(t.t, err)
}

// shows requires that the terminal's next line is this one, but for the echo of Ctrl-C and its like.
func (t *terminal) shows(want string) {
	t.t.Helper()
	require.True(t.t, t.lines.Scan())
	line := t.lines.Text()
	if len(line) > 2 && line[0] == '^' {
		line = line[2:]
	}
	require.Equal(t.t, want, strings.TrimSpace(line))
	time.Sleep(50 * time.Millisecond) // as people take, at least: signals that come at once are one
}

// foreground is the process group that the terminal sends its signals to.
func (t *terminal) foreground() int {
	t.t.Helper()
	var group int32
	testbed.ControlTerminal(t.t, t.keyboard, syscall.TIOCGPGRP, &group)
	return int(group)
}
