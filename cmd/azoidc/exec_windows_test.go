package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExecExitStatusOnWindows(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	for name, test := range map[string]struct {
		args   []string
		status int
	}{
		"0":          {[]string{"--", "cmd", "/c", "exit 0"}, 0},
		"1":          {[]string{"--", "cmd", "/c", "exit 1"}, 1},
		"42":         {[]string{"--", "cmd", "/c", "exit 42"}, 42},
		"125":        {[]string{"--", "cmd", "/c", "exit 125"}, 125},
		"missing":    {[]string{"--", "azoidc-test-no-such-command"}, exitNotFound},
		"no command": {nil, exitExecFailed},
		"no tenant":  {[]string{"-tenant-id", "a/b", "--", "cmd", "/c", "exit 0"}, exitExecFailed},
	} {
		t.Run(name, func(t *testing.T) {
			p := inProcess(t, cloud, job, "", append([]string{"exec"}, test.args...)...)
			status, _ := p.run()
			require.Equal(t, test.status, status, p.stderr.String())
		})
	}
}

// What the command has started and left is ended, though it isn't azoidc's child.
func TestExecLeavesNothingRunningOnWindows(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "leave", "exec")
	p.start()
	grandchild, err := os.FindProcess(p.number())
	require.NoError(t, err)
	status, _ := p.wait()
	require.Zero(t, status, p.stderr.String())
	requireEnds(t, grandchild)
}

// When azoidc is killed, so are its command and what that has started.
func TestExecDiesWithAzoidcOnWindows(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "family", "exec")
	p.start()
	grandchild, err := os.FindProcess(p.number())
	require.NoError(t, err)
	child, err := os.FindProcess(p.number())
	require.NoError(t, err)
	require.NoError(t, p.cmd.Process.Kill())
	requireEnds(t, child)
	requireEnds(t, grandchild)
}

func requireEnds(t *testing.T, process *os.Process) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = process.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the process lives on")
	}
}
