//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestExecExitStatus(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	noInterpreter := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(noInterpreter, []byte("not a program"), 0o700))
	for name, test := range map[string]struct {
		command []string
		status  int
	}{
		"0":            {[]string{"true"}, 0},
		"1":            {[]string{"false"}, 1},
		"42":           {[]string{"sh", "-c", "exit 42"}, 42},
		"SIGKILL":      {[]string{"sh", "-c", "kill -KILL $$"}, 137},
		"SIGTERM":      {[]string{"sh", "-c", "kill -TERM $$"}, 143},
		"SIGSEGV":      {[]string{"sh", "-c", "kill -SEGV $$"}, 139},
		"no program":   {[]string{noInterpreter}, 126},
		"flag for it":  {[]string{"sh", "-c", `test "$1 $2" = "-scope --"`, "sh", "-scope", "--"}, 0},
		"sub 127":      {[]string{"sh", "-c", "azoidc-test-no-such-command"}, 127},
		"missing":      {[]string{"azoidc-test-no-such-command"}, 127},
		"file missing": {[]string{"./azoidc-test-no-such-command"}, 127},
	} {
		t.Run(name, func(t *testing.T) {
			p := inProcess(t, cloud, job, "", append([]string{"exec", "--"}, test.command...)...)
			status, _ := p.run()
			require.Equal(t, test.status, status, p.stderr.String())
		})
	}
}

func TestExecStdio(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "", "exec", "--", "sh", "-c", "cat; echo problem >&2")
	p.start()
	_, err := p.stdin.Write([]byte("from stdin\n"))
	require.NoError(t, err)
	require.NoError(t, p.stdin.Close())
	status, stdout := p.wait()
	require.Zero(t, status)
	require.Equal(t, "from stdin\n", stdout)
	require.Equal(t, "problem\n", p.stderr.String())
}

// Signals reach the command, which decides what they mean.
func TestExecPassesSignals(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		for _, mode := range [][]string{{"exec"}, {"exec", "-token-file"}} {
			t.Run(sig.String()+strings.Join(mode[1:], ""), func(t *testing.T) {
				t.Parallel()
				p := inProcess(t, cloud, job, "signal", mode...)
				p.start()
				require.Equal(t, "ready", p.line())
				require.NoError(t, p.cmd.Process.Signal(sig))
				status, rest := p.wait()
				require.Equal(t, 7, status)
				require.Equal(t, sig.String()+"\n", rest)
			})
		}
	}
}

func TestExecReportsTheSignalThatEndedTheCommand(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "wait", "exec")
	p.start()
	env := p.environment()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	status, _ := p.wait()
	require.Equal(t, 143, status)
	requireClosed(t, env.Get("IDENTITY_ENDPOINT"), env.Get("IDENTITY_HEADER"))
}

// nohup azoidc exec … stays what it is.
func TestExecLeavesIgnoredSignalsIgnored(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "", "exec", "--", "sh", "-c", `kill -HUP $PPID; kill -HUP $$; echo alive`)
	p.cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, append([]string{binary}, p.cmd.Args[1:]...)...)
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	p.cmd.Path = sh
	status, stdout := p.run()
	require.Zero(t, status)
	require.Equal(t, "alive\n", stdout)
}

func TestExecWhenTheCommandIsKilled(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "", "exec", "--", "sh", "-c", "echo $$; exec sleep 3600")
	p.start()
	pid := p.number()
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	status, _ := p.wait()
	require.Equal(t, 137, status)
	requireGone(t, pid)
}

// What the command leaves behind is ended, by force where it must be.
func TestExecLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	for _, role := range []string{"leave", "leave-stubborn"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), role, "exec")
			p.start()
			pid := p.number()
			status, _ := p.wait()
			require.Zero(t, status)
			requireGone(t, pid)
		})
	}
}

// What the command leaves behind is asked first, and has ended in order when azoidc does.
func TestExecAsksWhatIsLeft(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	file := filepath.Join(t.TempDir(), "told")
	const script = `(trap 'echo asked >"$0"' TERM; sleep 3600 & echo ready >"$0"; wait) & until [ -s "$0" ]; do sleep 0.01; done`
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "", "exec", "--", "sh", "-c", script, file)
	status, _ := p.run()
	require.Zero(t, status, p.stderr.String())
	require.Equal(t, "asked\n", readFile(t, file))
}

// When azoidc is killed, its command dies, and with it what would still send the secret to whoever takes the port.
func TestExecDiesWithAzoidc(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "family", "exec")
	p.start()
	grandchild, child := p.number(), p.number()
	require.NoError(t, p.cmd.Process.Kill())
	requireGone(t, child)
	requireGone(t, grandchild)
}

// So it does when whatever watches over that is killed first.
func TestExecDiesWithAzoidcAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only there the system does it")
	}
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "wait-forever", "exec")
	p.start()
	child := p.number()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.cmd.Process.Pid, p.cmd.Process.Pid))
	require.NoError(t, err)
	for _, id := range strings.Fields(string(children)) {
		if id != strconv.Itoa(child) {
			pid, err := strconv.Atoi(id)
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			requireGone(t, pid)
		}
	}
	require.False(t, isGone(child))
	require.NoError(t, p.cmd.Process.Kill())
	requireGone(t, child)
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return isGone(pid) }, 30*time.Second, 5*time.Millisecond)
}

// isGone holds for a process that wasn't buried yet, too: whoever inherited it may take its time.
func isGone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// A signal that comes before there are tokens ends all, and the command isn't run.
func TestExecInterruptedBeforeTheCommand(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	for _, args := range [][]string{{"-scope", vaultScope}, {"-token-file"}} {
		t.Run(args[0], func(t *testing.T) {
			asked := make(chan struct{})
			var once sync.Once
			cloud.Fail(azoidctest.GitHubOIDC, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
				once.Do(func() { close(asked) })
				<-r.Context().Done()
			})
			p := inProcess(t, cloud, job, "environment", append([]string{"exec"}, args...)...)
			p.start()
			<-asked
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
			status, stdout := p.wait()
			require.Equal(t, 130, status)
			require.Empty(t, stdout)
			require.Empty(t, p.stderr.String())
		})
	}
}

// Nothing secret is in anybody's command line, nor is a dead child in the list of processes.
func TestExecInTheListOfProcesses(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	p := inProcess(t, cloud, job, "wait", "exec", "-scope", vaultScope)
	p.start()
	env := p.environment()
	lists, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	seen := false
	for _, list := range lists {
		content, err := os.ReadFile(list)
		if err != nil {
			continue // it has ended
		}
		seen = seen || strings.Contains(string(content), binary)
		requireNoSecret(t, cloud.Cloud, job, string(content))
		require.NotContains(t, string(content), env.Get("IDENTITY_HEADER"))
	}
	require.True(t, seen)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, stat := range stats {
		content, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		_, fields, _ := strings.Cut(string(content), ") ") // after the name: state, parent
		require.False(t, strings.HasPrefix(fields, "Z "+strconv.Itoa(p.cmd.Process.Pid)+" "), "a zombie: %s", content)
	}
	require.NoError(t, p.stdin.Close())
	status, _ := p.wait()
	require.Zero(t, status)
}

// Signals are the program's own again when nobody waits for them any more. Not in parallel: other tests would catch them, too.
func TestSignalsThatNobodyWaitsFor(t *testing.T) {
	caught := watchSignals()
	caught.stop()
	others := make(chan os.Signal, 2)
	signal.Notify(others, syscall.SIGTERM)
	defer signal.Stop(others)
	for range 2 { // when the second comes, the first has come to all
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		require.Equal(t, syscall.SIGTERM, <-others)
	}
	require.Empty(t, caught.came)
}

// A command whose end somebody else has taken note of isn't said to have ended well.
func TestExecWhoseEndIsUnknown(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	p := inJob(cloud, cloud.GitHubJob(nil).Env(), "PATH="+os.Getenv("PATH"))
	file := filepath.Join(t.TempDir(), "id")
	p.withCoreDumps = func(start func() error) error {
		if err := start(); err != nil {
			return err
		}
		var id int
		require.Eventually(t, func() bool {
			_, err := fmt.Sscanln(readFile(t, file), &id)
			return err == nil
		}, 30*time.Second, time.Millisecond)
		_, err := syscall.Wait4(id, nil, 0, nil)
		return err
	}
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r := run(t, p, "exec", "--", "sh", "-c", `echo $$ >"$0"`, file)
	require.Equal(t, exitExecFailed, r.status, r.stderr)
}
