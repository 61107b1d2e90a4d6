package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

// A workflow is a job whose steps are processes, one after the other.
type workflow struct {
	cloud *azoidctest.Server
	temp  string // RUNNER_TEMP
	env   map[string]string
	t     testing.TB
}

func newWorkflow(t testing.TB, cloud *azoidctest.Server) *workflow {
	t.Helper()
	w := &workflow{cloud: cloud, temp: t.TempDir(), t: t}
	w.env = cloud.GitHubJob(nil).Env()
	w.env["RUNNER_TEMP"] = w.temp
	w.env["GITHUB_ACTIONS"] = "true"
	w.env["GITHUB_ENV"] = filepath.Join(t.TempDir(), "env")
	w.env["RUNNER_TRACKING_ID"] = "github_1"
	return w
}

// step runs azoidc to its end.
func (w *workflow) step(args ...string) result {
	w.t.Helper()
	p := inProcess(w.t, w.cloud, w.env, "", args...)
	status, stdout := p.run()
	return result{status, stdout, p.stderr.String()}
}

// well is step that must be well.
func (w *workflow) well(args ...string) string {
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

// exported are the variables that later steps have.
func (w *workflow) exported() map[string]string { return testkit.ReadGitHubEnv(w.t, w.env["GITHUB_ENV"]) }

// token asks as a later step does.
func (w *workflow) token(env map[string]string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, env["IDENTITY_ENDPOINT"]+"?api-version=2019-08-01&resource="+url.QueryEscape(vault), nil)
	require.NoError(w.t, err)
	r.Header.Set("X-IDENTITY-HEADER", env["IDENTITY_HEADER"])
	response, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	return response
}

// requireNothingLeft requires that no file is there any more.
func (w *workflow) requireNothingLeft() {
	w.t.Helper()
	left, err := os.ReadDir(w.temp)
	require.NoError(w.t, err)
	require.Empty(w.t, left)
}

func TestStartStatusStop(t *testing.T) {
	w := newWorkflow(t, newServer(t, nil))
	began := time.Now()
	out := w.well("start", "-scope="+vaultScope)
	t.Log(time.Since(began), out)
	env := w.exported()
	require.Equal(t, http.StatusOK, w.token(env).StatusCode)
	t.Log(w.well("status"))
	t.Log(w.well("status", "-log"))
	report := w.status()
	t.Logf("%+v", report)
	t.Log(w.well("stop"))
	requireClosed(t, env["IDENTITY_ENDPOINT"])
	w.requireNothingLeft()
	t.Log(w.well("stop"))
}
