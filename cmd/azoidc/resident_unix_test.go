//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/internal/proc"
)

// onLinux skips a test that reads /proc.
func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
}

// The process in the background has nothing of the step that started it: neither session, nor folder, nor open files, nor
// the environment, in which CI systems look for what to end, and everybody for secrets.
func TestTheBackgroundHasNothingOfItsStarter(t *testing.T) {
	t.Parallel()
	onLinux(t)
	cloud := newServer(t, nil)
	w := newWorkflow(t, cloud)
	leaked, err := os.Create(filepath.Join(t.TempDir(), "leaked"))
	require.NoError(t, err)
	defer func() { _ = leaked.Close() }()
	p := w.process("start", "-scope="+vaultScope)
	p.cmd.ExtraFiles = []*os.File{leaked, leaked, leaked, leaked}
	p.cmd.Dir = t.TempDir()
	status, _ := p.run()
	require.Zero(t, status, p.stderr.String())

	id := w.status().Process
	self, err := proc.Find(id)
	require.NoError(t, err)
	require.True(t, self.LeadsSession)
	folder, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", id))
	require.NoError(t, err)
	require.Equal(t, "/", folder)
	require.Empty(t, readFile(t, fmt.Sprintf("/proc/%d/environ", id)))
	require.Equal(t, "azoidc\x00in-background\x00default\x00", readFile(t, fmt.Sprintf("/proc/%d/cmdline", id)))
	open := openFiles(t, id)
	require.Equal(t, 2, open["/dev/null"], "the standard input and output")
	require.Equal(t, 2, open[filepath.Join(w.temp, "azoidc", "default", "log")], "the standard error, and itself")
	require.NotContains(t, open, leaked.Name())
	require.NotContains(t, open, "pipe", "the channel's ends")
	w.well("stop")
}

// openFiles counts what a process has open, by path, or by kind.
func openFiles(t *testing.T, id int) map[string]int {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", id))
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue // a connection that was just closed
		}
		kind, _, _ := strings.Cut(target, ":")
		kinds[kind]++
	}
	return kinds
}

// Who can't start anything says so. Not in parallel: other tests need files.
func TestStartWithoutFilesToSpare(t *testing.T) {
	self, h := ownHome(t)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	none := before
	none.Cur = 0
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	err := offline().startIn(t.Context(), h, self, startFlags{}, nil)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))
	require.ErrorIs(t, err, syscall.EMFILE)
	require.NoError(t, h.GiveUp(self.Process))
}

// What the job has on disk holds no secret but those of the endpoint, in what gives them to the steps.
func TestStartLeavesNoSecretOnDisk(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	w := newWorkflow(t, cloud)
	w.well("start", "-scope="+vaultScope)
	env := w.exported()
	w.requireServed(env)
	files := filesBelow(t, w.temp)
	require.NotEmpty(t, files)
	for path, content := range files {
		requireNoSecret(t, cloud.Cloud, w.env, content)
		require.NotContains(t, content, env["IDENTITY_HEADER"], path)
		info, err := os.Lstat(path)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077&^w.umasked(info), path)
	}
	folder, err := os.Stat(filepath.Join(w.temp, "azoidc"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), folder.Mode().Perm())
	requireNoSecret(t, cloud.Cloud, w.env, readFile(t, w.env["GITHUB_ENV"]))
	w.well("stop")
}

// umasked are the rights that a socket has by itself; the folder that it's in counts.
func (w *workflow) umasked(info os.FileInfo) os.FileMode {
	if info.Mode()&os.ModeSocket != 0 {
		return 0o077
	}
	return 0
}

// One that was killed is told from one that runs, also when its ID is another's by now, and makes room for the next.
func TestStatusOfAKilledOne(t *testing.T) {
	t.Parallel()
	requireBinary(t)
	w := newWorkflow(t, newServer(t, nil))
	for name, after := range map[string]func(){
		"stop": func() {
			require.Contains(t, w.well("stop"), "had ended already")
		},
		"start": func() {
			w.well("start")
			w.requireServed(w.exported())
			w.well("stop")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.well("start")
			id := w.status().Process
			require.NoError(t, syscall.Kill(id, syscall.SIGKILL))
			awaitEnd(t, id)
			r := w.step("status")
			require.Equal(t, exitNotWell, r.status)
			require.Contains(t, r.stderr, fmt.Sprintf("process %d has ended", id))
			after()
			w.requireNothingLeft()
		})
	}
}

func TestStatusOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorkflow(t, newServer(t, nil))
	self, err := proc.Find(os.Getpid())
	require.NoError(t, err)
	fields := strings.Split(self.Process.String(), ".")
	fields[1] = "1"
	another, err := proc.Parse(strings.Join(fields, ".")) // of this ID, but started at another time
	require.NoError(t, err)
	_, err = background.Claim(filepath.Join(w.temp, "azoidc"), background.DefaultName, another)
	require.NoError(t, err)
	r := w.step("status")
	require.Equal(t, exitNotWell, r.status)
	require.Contains(t, r.stderr, "has ended")
	w.well("start")
	w.well("stop")
	w.requireNothingLeft()
}

func awaitEnd(t *testing.T, id int) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := proc.Find(id)
		return err != nil
	}, 30*time.Second, 5*time.Millisecond)
}

// Signals end it, as stop does. One that doesn't listen any more is stopped by a signal.
func TestTheBackgroundEndsAtASignal(t *testing.T) {
	t.Parallel()
	w := newWorkflow(t, newServer(t, nil))
	for _, sig := range proc.Signals() {
		w.well("start")
		id := w.status().Process
		require.NoError(t, syscall.Kill(id, sig.(syscall.Signal)))
		awaitEnd(t, id)
		w.requireNothingLeft()
	}
	w.well("start")
	require.NoError(t, os.Remove(filepath.Join(w.temp, "azoidc", "default", "control")))
	require.Contains(t, w.step("status").stderr, "doesn't answer")
	require.Contains(t, w.well("stop"), "has ended")
	w.requireNothingLeft()
}

// starting is a start whose process in the background waits for an OIDC token that never comes.
func starting(t *testing.T) (*workflow, *process) {
	t.Helper()
	cloud := newServer(t, nil)
	asked := make(chan struct{}, 16)
	cloud.Fail(azoidctest.GitHubOIDC, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	w := newWorkflow(t, cloud)
	p := w.process("start", "-scope="+vaultScope)
	p.start()
	<-asked
	return w, p
}

// A starter that is cancelled, and one that is killed, leave nothing running.
func TestStartInterrupted(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			w, p := starting(t)
			require.NoError(t, p.cmd.Process.Signal(sig))
			status, stdout := p.wait()
			if sig != syscall.SIGKILL {
				require.Equal(t, proc.SignalStatus(sig), status)
			}
			require.Empty(t, stdout)
			require.Empty(t, p.stderr.String())
			require.Eventually(t, func() bool { return len(filesBelow(t, w.temp)) == 0 }, 30*time.Second, 5*time.Millisecond)
			require.NoFileExists(t, w.env["GITHUB_ENV"])
		})
	}
}

// When the process in the background ends before it is ready, start says how, and leaves nothing.
func TestTheBackgroundEndsBeforeItIsReady(t *testing.T) {
	t.Parallel()
	onLinux(t)
	for sig, want := range map[syscall.Signal]string{
		syscall.SIGTERM: `azoidc: the signal "terminated" came` + "\n",
		syscall.SIGKILL: "azoidc: the process in the background ended before it was ready\n",
		syscall.SIGABRT: "azoidc: the process in the background ended before it was ready\nSIGABRT: abort\n",
	} {
		t.Run(sig.String(), func(t *testing.T) {
			w, p := starting(t)
			ids := residents(w)
			require.Len(t, ids, 1)
			id, err := strconv.Atoi(ids[0])
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(id, sig))
			status, stdout := p.wait()
			require.Equal(t, exitNotWell, status)
			require.Empty(t, stdout)
			require.True(t, strings.HasPrefix(p.stderr.String(), want), p.stderr.String())
			w.requireNothingLeft()
			require.NoFileExists(t, w.env["GITHUB_ENV"])
		})
	}
}

// When it ends while its starter gives its variables away, start isn't well.
func TestTheBackgroundEndsBeforeItIsKept(t *testing.T) {
	t.Parallel()
	onLinux(t)
	w := newWorkflow(t, newServer(t, nil))
	require.NoError(t, syscall.Mkfifo(w.env["GITHUB_ENV"], 0o600))
	p := w.process("start")
	p.start()
	require.Contains(t, p.line(), "::add-mask::", "which comes before it waits for a reader")
	ids := residents(w)
	require.Len(t, ids, 1)
	id, err := strconv.Atoi(ids[0])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(id, syscall.SIGKILL))
	awaitEnd(t, id)
	require.Contains(t, readFile(t, w.env["GITHUB_ENV"]), "IDENTITY_ENDPOINT")
	status, _ := p.wait()
	require.Equal(t, exitNotWell, status)
	require.Contains(t, p.stderr.String(), "broken pipe")
	w.requireNothingLeft()
}

// What runs in another container is left alone.
func TestOfAnotherContainer(t *testing.T) {
	t.Parallel()
	onLinux(t)
	w := newWorkflow(t, newServer(t, nil))
	self, err := proc.Find(os.Getpid())
	require.NoError(t, err)
	elsewhere, err := proc.Parse(self.String()[:strings.LastIndex(self.String(), ".")] + ".1")
	require.NoError(t, err)
	if elsewhere.State() != proc.Elsewhere {
		t.Skip("the system doesn't tell containers apart")
	}
	h, err := background.Claim(filepath.Join(w.temp, "azoidc"), background.DefaultName, elsewhere)
	require.NoError(t, err)
	for command, want := range map[string]string{"start": "was started in another container", "stop": "doesn't end"} {
		r := w.step(command)
		require.Equal(t, exitNotWell, r.status, "%s: %s", command, r.stderr)
		require.Contains(t, r.stderr, want, command)
		require.Empty(t, r.stdout, command)
		owner, err := h.Owner()
		require.NoError(t, err, command)
		require.Equal(t, elsewhere, owner, command)
	}
}

// It ends when the process that runs the job does, however deep the step is below it, and whatever else lives on.
func TestTheBackgroundEndsWithItsJob(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		worker string
		inCI   bool
		while  bool
	}{
		"the runner's worker": {"Runner.Worker", true, true},
		"the agent's worker":  {"Agent.Worker", true, true},
		"nobody in a job":     {"step", true, false},
		"a session's leader":  {"shell", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkflow(t, newServer(t, nil))
			if !test.inCI {
				w = newShell(t, w.cloud)
			}
			worker := filepath.Join(t.TempDir(), test.worker)
			require.NoError(t, os.Symlink(sh, worker))
			p := w.process("start", "-o=json")
			script := `"$0" -c '"$@"; exit $?' step "$@" >/dev/null; echo $?; read -r line; exit 0`
			p.cmd.Path, p.cmd.Args = worker, append([]string{worker, "-c", script, sh}, p.cmd.Args...)
			p.start()
			require.Equal(t, "0", p.line(), p.stderr.String())
			report := w.status()
			if !test.while {
				require.Empty(t, report.While)
				w.well("stop")
				require.NoError(t, p.stdin.Close())
				p.wait()
				return
			}
			require.Equal(t, fmt.Sprintf("%s (process %d)", test.worker, p.cmd.Process.Pid), report.While)
			require.NoError(t, p.stdin.Close())
			p.wait()
			awaitEnd(t, report.Process)
			w.requireNothingLeft()
		})
	}
}

// What the process takes of the machine's memory stays small, also when sixty-four ask at once.
func TestTheBackgroundIsSmall(t *testing.T) {
	t.Parallel()
	onLinux(t)
	w := newWorkflow(t, newServer(t, nil))
	w.well("start", "-scope="+vaultScope)
	askFor(t, w.exported(), 64, 1000)
	require.Less(t, residentKiB(t, w.status().Process), 25<<10)
	w.well("stop")
}
