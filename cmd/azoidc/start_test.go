package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestStartInGitHubActions(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	w := newWorkflow(t, cloud)
	w.env["AZURE_FEDERATED_TOKEN_FILE"] = "/another"
	stdout := w.well("start", "-scope="+vaultScope)
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken), "it is there before any step asks")
	env := w.exported()

	masked := map[string]bool{}
	for _, command := range testbed.CICommands(stdout) {
		require.Equal(t, "add-mask", command.Name)
		masked[command.Data] = true
	}
	require.Len(t, strings.Split(strings.TrimSpace(stdout), "\n"), len(masked), "nothing else is printed")
	for name, secret := range map[string]string{"IDENTITY_HEADER": env["IDENTITY_HEADER"], "MSI_SECRET": env["MSI_SECRET"],
		"ARM_MSI_ENDPOINT": path.Base(env["ARM_MSI_ENDPOINT"]), "AZD_AUTH_KEY": env["AZD_AUTH_KEY"]} {
		require.True(t, masked[secret], name)
	}
	require.Empty(t, env["AZURE_FEDERATED_TOKEN_FILE"], "SDKs would take it before the endpoint")
	require.NotContains(t, env, "ACTIONS_ID_TOKEN_REQUEST_TOKEN")

	w.requireServed(env)
	report := w.status()
	require.Equal(t, []identity{{ClientID: cloud.ClientID(), TenantID: cloud.TenantID()}}, report.Identities)
	require.Equal(t, env["IDENTITY_ENDPOINT"], report.Endpoint)
	require.Equal(t, "GitHub Actions", report.CI)
	require.WithinDuration(t, report.Since.Add(defaultLife), report.Until, time.Second)
	require.Len(t, report.Tokens, 1)
	require.Equal(t, []string{vaultScope}, report.Tokens[0].Scopes)
	require.Equal(t, counts{Acquired: 1}, report.Counts)
	require.Nil(t, report.LastError)
	text := w.well("status") + w.well("status", "-log")
	require.Contains(t, text, "token for "+vaultScope+" until ")
	testbed.RequireHarmless(t, text)

	require.Contains(t, w.well("stop"), `"default" has ended`)
	requireClosed(t, env["IDENTITY_ENDPOINT"], env["IDENTITY_HEADER"])
	w.requireNothingLeft()
	require.Contains(t, w.well("stop"), `No azoidc of the name "default" runs`)
	r := w.step("status")
	require.Equal(t, exitNotWell, r.status)
	require.Contains(t, r.stderr, `no azoidc of the name "default" runs`)
}

// In Azure Pipelines a secret variable wouldn't be in the environment of later steps: it is masked by its value.
func TestStartInAzurePipelines(t *testing.T) {
	t.Parallel()
	w := newPipeline(t, newServer(t, nil))
	env, masked := map[string]string{}, map[string]bool{}
	for _, command := range testbed.CICommands(w.well("start")) {
		require.Equal(t, "Azure Pipelines", command.System)
		switch command.Name {
		case "task.setsecret":
			require.Empty(t, env, "masks come first")
			masked[command.Data] = true
		case "task.setvariable":
			require.Len(t, command.Properties, 1)
			env[command.Properties["variable"]] = command.Data
		default:
			require.Fail(t, command.Name)
		}
	}
	require.True(t, masked[env["IDENTITY_HEADER"]])
	require.True(t, masked[env["MSI_SECRET"]])
	require.True(t, masked[env["AZD_AUTH_KEY"]])
	require.True(t, masked[filepath.Base(env["ARM_MSI_ENDPOINT"])])
	require.True(t, masked[env["AZD_AUTH_KEY"]])
	require.Equal(t, "Azure Pipelines", w.status().CI)
	w.requireServed(env)
	w.well("stop")
	w.requireNothingLeft()
}

// What a shell evaluates is what programs in it have.
func TestStartInAShell(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	w := newShell(t, newServer(t, nil))
	w.env["AZURE_FEDERATED_TOKEN_FILE"] = "/another"
	lines := w.well("start")
	require.Contains(t, lines, "unset ACTIONS_ID_TOKEN_REQUEST_TOKEN\n")
	cmd := exec.Command(sh, "-c", `eval "$1"; env`, "sh", lines)
	cmd.Env = toEnvironment(w.env)
	output, err := cmd.Output()
	require.NoError(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(output)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	require.NotContains(t, env, "AZURE_FEDERATED_TOKEN_FILE")
	require.NotContains(t, env, "ACTIONS_ID_TOKEN_REQUEST_URL")
	w.requireServed(env)
	w.well("stop")
	w.requireNothingLeft()
}

// A job of several lifetimes of both tokens. Nobody waits for a token after an idle time, for they are kept fresh.
func TestStartKeepsTokensFresh(t *testing.T) {
	t.Parallel()
	cloud := shortLived(t)
	w := newWorkflow(t, cloud)
	w.well("start", "-scope="+vaultScope, "-scope=https://storage.azure.com/.default")
	require.Eventually(t, func() bool { return cloud.Count(azoidctest.EntraToken) >= 6 }, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool { return w.status().Counts.Refreshed >= 4 }, time.Minute, 20*time.Millisecond)
	w.requireServed(w.exported())
	w.well("stop")
}

// The file is where later steps find it, for as long as it's kept.
func TestStartTokenFile(t *testing.T) {
	t.Parallel()
	w := newWorkflow(t, newServer(t, nil))
	w.well("start", "-token-file")
	env := w.exported()
	assertion, err := os.ReadFile(env["AZURE_FEDERATED_TOKEN_FILE"])
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(assertion), "."), "a JWT")
	require.NotContains(t, env, "IDENTITY_ENDPOINT")
	require.Equal(t, env["AZURE_FEDERATED_TOKEN_FILE"], w.status().TokenFile)
	w.well("stop")
	require.NoFileExists(t, env["AZURE_FEDERATED_TOKEN_FILE"])
	w.requireNothingLeft()
}

// A failed start says what exec says, and leaves nothing: no process, no file, no variable.
func TestStartFails(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	for name, test := range map[string]struct {
		args   []string
		change func(w *workflow)
		stderr string
	}{
		"refused":          {[]string{"-client-id=00000000-0000-0000-0000-000000000001"}, func(*workflow) {}, "AADSTS"},
		"no permission":    {nil, func(w *workflow) { delete(w.env, "ACTIONS_ID_TOKEN_REQUEST_TOKEN") }, "id-token: write"},
		"no GITHUB_ENV":    {nil, func(w *workflow) { delete(w.env, "GITHUB_ENV") }, "GITHUB_ENV isn't set"},
		"bad GITHUB_ENV":   {nil, func(w *workflow) { w.env["GITHUB_ENV"] = filepath.Join(w.temp, "none", "env") }, "none"},
		"no folder":        {nil, func(w *workflow) { w.env["RUNNER_TEMP"] = filepath.Join(w.temp, "none") }, "none"},
		"relative folder":  {nil, func(w *workflow) { w.env["RUNNER_TEMP"] = "none" }, "absolute"},
		"a hostile folder": {nil, func(w *workflow) { w.env["RUNNER_TEMP"] = "/##vso[task.prependpath]x" }, "prependpath"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkflow(t, cloud)
			test.change(w)
			p := w.process(append([]string{"start", "-scope=" + vaultScope}, test.args...)...)
			status, stdout := p.run()
			require.Equal(t, exitNotWell, status)
			require.Contains(t, p.stderr.String(), test.stderr)
			require.NotContains(t, p.stderr.String(), "rename")
			testbed.RequireHarmless(t, p.stderr.String())
			if stdout != "" { // masks of secrets that are good for nothing any more
				require.Regexp(t, regexp.MustCompile(`^(::add-mask::[0-9a-f]{64}\n)+$`), stdout)
			}
			require.NoFileExists(t, w.env["GITHUB_ENV"])
			w.requireNothingLeft()
			require.Empty(t, residents(w))
		})
	}
}

// residents are the processes in the background that the workflow's steps have left, as far as this system tells: their standard
// error is a file in its folder.
func residents(w *workflow) (ids []string) {
	w.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(w.t, err)
	for _, process := range processes {
		if path, err := os.Readlink(process + "/fd/2"); err == nil && strings.HasPrefix(path, w.temp) {
			ids = append(ids, filepath.Base(process))
		}
	}
	return ids
}

// Several run side by side, each by its name; a name is one's.
func TestStartByName(t *testing.T) {
	t.Parallel()
	w := newWorkflow(t, newServer(t, nil))
	w.well("start", "-name=a")
	first := w.exported()
	w.well("start", "-name=b")
	second := w.exported()
	require.NotEqual(t, first["IDENTITY_ENDPOINT"], second["IDENTITY_ENDPOINT"])
	require.NotEqual(t, first["IDENTITY_HEADER"], second["IDENTITY_HEADER"])
	r := w.step("start", "-name=a")
	require.Equal(t, exitNotWell, r.status)
	require.Contains(t, r.stderr, fmt.Sprintf(`"a" runs already, as process %d`, w.status("-name=a").Process))
	w.well("stop", "-name=a")
	requireClosed(t, first["IDENTITY_ENDPOINT"], first["IDENTITY_HEADER"])
	w.requireServed(second)
	w.well("stop", "-name=b")
	w.requireNothingLeft()
}

// When -for is over it ends, and its log tells whoever wonders.
func TestStartForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorkflow(t, newServer(t, nil))
	over := func() bool { return strings.Contains(w.step("status").stderr, "-for is over") }
	w.well("start", "-for=100ms")
	require.Eventually(t, over, 30*time.Second, 10*time.Millisecond)
	require.Contains(t, w.well("status", "-log"), "-for is over")
	w.well("start") // the name is free
	w.well("stop")
	w.requireNothingLeft()
	w.well("start", "-for=1ms")
	require.Eventually(t, over, 30*time.Second, 10*time.Millisecond)
	require.Contains(t, w.well("stop"), "had ended already")
	w.requireNothingLeft()
}

var (
	startsInARow = flag.Int("starts", 4, "how many starts and stops in a row")
	startsAtOnce = flag.Int("at-once", 4, "how many starts at once")
)

// Many in a row and many at once leave no process, no file and no port.
func TestManyStarts(t *testing.T) {
	t.Parallel()
	w := newWorkflow(t, newServer(t, nil))
	for range *startsInARow {
		w.well("start")
		w.well("stop")
	}
	w.requireNothingLeft()

	var all sync.WaitGroup
	for i := range *startsAtOnce {
		all.Go(func() {
			name := fmt.Sprintf("-name=n%d", i)
			for _, args := range [][]string{{"start", name}, {"status", name}, {"stop", name}} {
				if r := w.step(args...); r.status != exitWell {
					t.Errorf("%s: %+v", args, r)
				}
			}
		})
	}
	all.Wait()
	w.requireNothingLeft()
	require.Empty(t, residents(w), "and so no port: others may have those by now")
}

// Of those that start at once by one name, one gets it.
func TestStartsOfOneName(t *testing.T) {
	t.Parallel()
	requireBinary(t)
	w := newWorkflow(t, newServer(t, nil))
	results := make([]result, *startsAtOnce)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = w.step("start") })
	}
	all.Wait()
	well := 0
	for _, r := range results {
		if r.status == exitWell {
			well++
		} else {
			require.Contains(t, r.stderr, "runs already")
		}
	}
	require.Equal(t, 1, well)
	w.well("stop")
	w.requireNothingLeft()
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// What an endpoint's client does wrong, and what it was refused, is in the log.
func TestStatusTellsTheLastError(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	w := newWorkflow(t, cloud)
	w.well("start")
	env := w.exported()
	cloud.Fail(azoidctest.EntraToken, azoidctest.Status(http.StatusBadRequest, nil,
		`{"error":"invalid_resource","error_description":"AADSTS500011: ##vso[task.prependpath]/opt/evil"}`))
	response, err := http.DefaultClient.Do(tokenRequest(t, env))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	report := w.status()
	require.NotNil(t, report.LastError)
	require.Contains(t, report.LastError.Text, "AADSTS500011")
	require.Equal(t, counts{Refused: 1}, report.Counts)
	text := w.well("status") + w.well("status", "-log") + w.well("status", "-o=json")
	testbed.RequireHarmless(t, text)
	requireNoSecret(t, cloud.Cloud, w.env, text)
	require.NotContains(t, text, env["IDENTITY_HEADER"])
	w.well("stop")
}

// Who waits for a token when the end comes is told that there will be none.
func TestStopAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	w := newWorkflow(t, cloud)
	w.well("start")
	asked := make(chan struct{}, 16)
	cloud.Fail(azoidctest.EntraToken, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	request := tokenRequest(t, w.exported())
	answered := make(chan int, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if assert.NoError(t, err) {
			assert.NoError(t, response.Body.Close())
			answered <- response.StatusCode
		}
		close(answered)
	}()
	<-asked
	w.well("stop")
	require.Equal(t, http.StatusServiceUnavailable, <-answered)
	w.requireNothingLeft()
}

func tokenRequest(t testing.TB, env map[string]string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["IDENTITY_ENDPOINT"]+"?api-version=2019-08-01&resource="+vault, nil)
	require.NoError(t, err)
	r.Header.Set("X-IDENTITY-HEADER", env["IDENTITY_HEADER"])
	r.Close = true
	return r
}
