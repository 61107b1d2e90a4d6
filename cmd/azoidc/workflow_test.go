package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/internal/testbed"
)

// A workflow is a job whose steps are processes, one after the other.
type workflow struct {
	cloud *azoidctest.Server
	env   map[string]string
	temp  string // the folder that the system empties after the job
	t     testing.TB
}

func newWorkflow(t testing.TB, cloud *azoidctest.Server) *workflow {
	t.Helper()
	w := &workflow{cloud: cloud, temp: t.TempDir(), t: t, env: cloud.GitHubJob(nil).Env()}
	maps.Copy(w.env, map[string]string{
		"GITHUB_ACTIONS": "true", "RUNNER_TEMP": w.temp, "RUNNER_TRACKING_ID": "github_tracking",
		"GITHUB_ENV": filepath.Join(t.TempDir(), "env"), "TMPDIR": t.TempDir(), "TMP": t.TempDir(),
	})
	return w
}

func newPipeline(t testing.TB, cloud *azoidctest.Server) *workflow {
	t.Helper()
	w := &workflow{cloud: cloud, temp: t.TempDir(), t: t, env: cloud.PipelinesJob(nil).Env()}
	maps.Copy(w.env, map[string]string{
		"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": w.temp, "VSTS_PROCESS_LOOKUP_ID": "vsts_tracking",
	})
	return w
}

// newShell is outside of CI, but for the request variables.
func newShell(t testing.TB, cloud *azoidctest.Server) *workflow {
	t.Helper()
	w := &workflow{cloud: cloud, temp: t.TempDir(), t: t, env: cloud.GitHubJob(nil).Env()}
	delete(w.env, "GITHUB_ACTIONS")
	w.env["XDG_RUNTIME_DIR"] = w.temp
	return w
}

// process is azoidc as a step, before its start.
func (w *workflow) process(args ...string) *process {
	w.t.Helper()
	p := inProcess(w.t, w.cloud, w.env, "", args...)
	if args[0] == "start" {
		w.t.Cleanup(func() {
			if _, err := os.Stat(filepath.Join(w.temp, "azoidc", nameIn(args))); err == nil {
				_, _ = inProcess(w.t, w.cloud, w.env, "", "stop", "-name="+nameIn(args)).run()
			}
		})
	}
	return p
}

func nameIn(args []string) string {
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "-name="); ok {
			return name
		}
	}
	return string(background.DefaultName)
}

// step runs azoidc to its end.
func (w *workflow) step(args ...string) result {
	w.t.Helper()
	p := w.process(args...)
	status, stdout := p.run()
	return result{status, stdout, p.stderr.String()}
}

// well is a step that is.
func (w *workflow) well(args ...string) (stdout string) {
	w.t.Helper()
	r := w.step(args...)
	require.Zero(w.t, r.status, "%s\n%s", r.stdout, r.stderr)
	require.Empty(w.t, r.stderr)
	return r.stdout
}

func (w *workflow) status(args ...string) statusReport {
	w.t.Helper()
	var report statusReport
	require.NoError(w.t, json.Unmarshal([]byte(w.well(append([]string{"status", "-o=json"}, args...)...)), &report))
	return report
}

// exported is what a step of GitHub Actions has given to those that follow.
func (w *workflow) exported() map[string]string {
	w.t.Helper()
	return testbed.ReadGitHubEnv(w.t, w.env["GITHUB_ENV"])
}

// requireServed requires that a program with these variables gets a token.
func (w *workflow) requireServed(env map[string]string) {
	w.t.Helper()
	response, err := http.DefaultClient.Do(tokenRequest(w.t, env))
	require.NoError(w.t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	require.Equal(w.t, http.StatusOK, response.StatusCode, "%s", body)
}

// requireNothingLeft requires that there is no file any more.
func (w *workflow) requireNothingLeft() {
	w.t.Helper()
	require.Empty(w.t, filesBelow(w.t, w.temp))
}

// filesBelow is what is in a folder, with its content. What goes away meanwhile isn't there.
func filesBelow(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		var content []byte
		if err == nil && entry.Type().IsRegular() {
			content, err = os.ReadFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) || path == root {
			return nil
		}
		found[path] = string(content)
		return err
	}))
	return found
}
