package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// A runner is a model of how GitHub's runner and Azure Pipelines' agent read a process' output: a task for each stream takes
// a line, puts it into the stream's queue, wakes the one that empties the queues, and only then reads on. Any of them may be
// held up at any point, but for the one at which nothing that a process can see tells of it.
// https://github.com/actions/runner/blob/main/src/Runner.Sdk/ProcessInvoker.cs
type runner struct {
	errors, output chan string
	woken          chan struct{}
	masks          []string
	log            strings.Builder
}

func newRunner() *runner {
	return &runner{errors: make(chan string, 100), output: make(chan string, 100), woken: make(chan struct{}, 1)}
}

// run returns when cmd has ended, and its output is in the log.
func (r *runner) run(cmd *exec.Cmd) error {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var reading sync.WaitGroup
	reading.Go(func() { r.read(stderr, r.errors, 100*time.Millisecond) })
	reading.Go(func() { r.read(stdout, r.output, 0) })
	done := make(chan struct{})
	go func() {
		reading.Wait()
		close(done)
	}()
	for {
		select {
		case <-r.woken:
			r.process()
		case <-done:
			r.process()
			return cmd.Wait()
		}
	}
}

// read is StartReadStream. Where upTo isn't 0 it is held up before and after it takes a line.
func (r *runner) read(stream io.Reader, queue chan string, upTo time.Duration) {
	for lines := bufio.NewScanner(stream); ; {
		time.Sleep(holdUp(upTo))
		if !lines.Scan() {
			return
		}
		time.Sleep(holdUp(upTo))
		queue <- lines.Text()
		select {
		case r.woken <- struct{}{}:
		default:
		}
	}
}

func holdUp(upTo time.Duration) time.Duration {
	if upTo == 0 {
		return 0
	}
	return rand.N(upTo)
}

// process is ProcessOutput.
func (r *runner) process() {
	lines := append(drain(r.errors), drain(r.output)...)
	for _, line := range lines {
		for _, start := range []string{"::add-mask::", "##vso[task.setsecret]"} {
			if secret, ok := strings.CutPrefix(line, start); ok {
				r.masks = append(r.masks, secret)
				line = ""
			}
		}
		for _, secret := range r.masks {
			line = strings.ReplaceAll(line, secret, "***")
		}
		r.log.WriteString(line + "\n")
	}
	time.Sleep(holdUp(5 * time.Millisecond))
}

func drain(queue chan string) (lines []string) {
	for {
		select {
		case line := <-queue:
			lines = append(lines, line)
		default:
			return lines
		}
	}
}

// The log masks a token before it is printed, also by what a shell does with it at once, whatever the runner's tasks wait for.
func TestTheMaskIsBeforeTheToken(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	jobs := map[string]map[string]string{
		"GitHub Actions":  with(cloud.GitHubJob(nil).Env(), "GITHUB_ACTIONS", "true"),
		"Azure Pipelines": with(cloud.PipelinesJob(nil).Env(), "TF_BUILD", "True"),
	}
	scripts := map[string]string{
		"printed":            `"$0" token -scope "$1" -o raw`,
		"printed as JSON":    `"$0" token -scope "$1"`,
		"taken by a shell":   `t=$("$0" token -scope "$1" -o raw); echo "got $t"`,
		"piped":              `"$0" token -scope "$1" | cat`,
		"both on one stream": `"$0" token -scope "$1" -o raw 2>&1`,
	}
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh here")
	}
	runs := 2
	if testing.Short() {
		runs = 1
	}
	for system, job := range jobs {
		for name, script := range scripts {
			for i := range runs {
				t.Run(fmt.Sprint(system, " ", name, " ", i), func(t *testing.T) {
					t.Parallel()
					log := inShell(t, cloud, job, script)
					require.Contains(t, log, "***")
					requireNoSecret(t, cloud.Cloud, job, log)
				})
			}
		}
	}
}

// inShell is the log of a step that runs script, in which $0 is azoidc and $1 a scope.
func inShell(t *testing.T, cloud *azoidctest.Server, job map[string]string, script string) string {
	t.Helper()
	p := inProcess(t, cloud, job, "")
	cmd := exec.Command("/bin/sh", "-c", script, binary, vaultScope)
	cmd.Env = p.cmd.Env
	r := newRunner()
	require.NoError(t, r.run(cmd))
	return r.log.String()
}

// A token whose mask would get lost isn't printed.
func TestWithoutAMaskThereIsNoToken(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh here")
	}
	cloud := newServer(t, nil)
	job := with(cloud.GitHubJob(nil).Env(), "GITHUB_ACTIONS", "true")
	for _, redirection := range []string{"2>&-", "2>/dev/null", "2>" + quoted(filepath.Join(t.TempDir(), "file"))} {
		for _, form := range []string{"raw", "json"} {
			log := inShell(t, cloud, job, `t=$("$0" token -scope "$1" -o `+form+` `+redirection+`); echo "status $?, got <$t>"`)
			require.Equal(t, "status 1, got <>\n", log, redirection)
		}
		if redirection == "2>&-" {
			continue
		}
		elsewhere := without(job, "GITHUB_ACTIONS")
		log := inShell(t, cloud, elsewhere, `t=$("$0" token -scope "$1" -o raw `+redirection+`); echo "status $?, got $(echo $t | cut -c1-3)"`)
		require.Equal(t, "status 0, got eyJ\n", log, "outside of jobs there is no mask")
	}
}
