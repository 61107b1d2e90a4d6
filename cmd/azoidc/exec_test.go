package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// A command that outlives its access tokens is served all the same, with a new OIDC token for each. Nothing secret is in the log.
func TestExecServesForTheWholeJob(t *testing.T) {
	t.Parallel()
	for name, jobIn := range map[string]func(*azoidctest.Server) map[string]string{
		"GitHub Actions":  func(cloud *azoidctest.Server) map[string]string { return cloud.GitHubJob(nil).Env() },
		"Azure Pipelines": func(cloud *azoidctest.Server) map[string]string { return cloud.PipelinesJob(nil).Env() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := shortLived(t)
			service := cloud.Service(vault)
			p := inProcess(t, cloud, jobIn(cloud), "deploy", "exec", "-scope", vaultScope)
			p.cmd.Env = append(p.cmd.Env, serviceVariable+"="+service.URL, tokensVariable+"=3")
			status, stdout := p.run()
			require.Zero(t, status, p.stderr.String())
			require.Empty(t, stdout)
			require.Empty(t, p.stderr.String())
			presented := assertionsIn(cloud)
			require.GreaterOrEqual(t, len(presented), 3)
			slices.Sort(presented)
			require.Len(t, slices.Compact(slices.Clone(presented)), len(presented), "each is new")
		})
	}
}

// assertionsIn are those that Entra was presented.
func assertionsIn(cloud *azoidctest.Server) (presented []string) {
	for _, request := range cloud.Requests(azoidctest.EntraToken) {
		presented = append(presented, request.Assertion.Raw)
	}
	return presented
}

// Tokens are renewed though nobody asks for them.
func TestExecKeepsTokensFresh(t *testing.T) {
	t.Parallel()
	cloud := shortLived(t)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "wait", "exec", "-scope", vaultScope, "-scope", "https://storage.azure.com/.default")
	p.start()
	env := p.environment()
	require.GreaterOrEqual(t, cloud.Count(azoidctest.EntraToken), 2, "both are there before the command begins")
	require.Eventually(t, func() bool { return cloud.Count(azoidctest.EntraToken) >= 6 }, 30*time.Second, 20*time.Millisecond)
	require.NoError(t, p.stdin.Close())
	status, _ := p.wait()
	require.Zero(t, status)
	requireClosed(t, env.Get("IDENTITY_ENDPOINT"), env.Get("IDENTITY_HEADER"))
}

func TestExecEnvironment(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	for name, test := range map[string]struct {
		job  map[string]string
		args []string
		keep bool
	}{
		"GitHub Actions":        {cloud.GitHubJob(nil).Env(), nil, false},
		"GitHub Actions, kept":  {cloud.GitHubJob(nil).Env(), []string{"-keep-request-token"}, true},
		"Azure Pipelines":       {cloud.PipelinesJob(nil).Env(), nil, false},
		"Azure Pipelines, kept": {cloud.PipelinesJob(nil).Env(), []string{"-keep-request-token"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := inProcess(t, cloud, test.job, "environment", append([]string{"exec"}, test.args...)...)
			p.cmd.Env = append(p.cmd.Env, "AZURE_FEDERATED_TOKEN_FILE=/another", "AZURE_CLIENT_ID="+cloud.ClientID())
			p.start()
			env := p.environment()
			status, _ := p.wait()
			require.Zero(t, status)
			require.Regexp(t, "^http://127.0.0.1:[0-9]+/MSI/token$", env.Get("IDENTITY_ENDPOINT"))
			require.Equal(t, env.Get("IDENTITY_ENDPOINT"), env.Get("MSI_ENDPOINT"))
			require.True(t, strings.HasPrefix(env.Get("ARM_MSI_ENDPOINT"), env.Get("IDENTITY_ENDPOINT")+"/"), "with a secret behind it")
			require.Equal(t, env.Get("IDENTITY_HEADER"), env.Get("MSI_SECRET"))
			require.Equal(t, "true", env.Get("ARM_USE_MSI"))
			require.Equal(t, "2019-08-01", env.Get("ARM_MSI_API_VERSION"))
			require.Empty(t, env.Get("AZURE_FEDERATED_TOKEN_FILE"), "SDKs would take it before the endpoint")
			require.Equal(t, cloud.ClientID(), env.Get("AZURE_CLIENT_ID"))
			for _, name := range requestVariables() {
				require.Equal(t, test.keep && test.job[name] != "", env.Get(name) != "", name)
			}
			require.Zero(t, cloud.Count(azoidctest.EntraToken), "nothing is acquired that nobody wants")
		})
	}
}

// Somebody else on the machine makes more connections than azoidc may have files open. The command's thousand requests are
// answered all the same. There are thousands of connections in tokenserver's own test.
func TestExecServesAmongMoreConnectionsThanFiles(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no ulimit here")
	}
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "ask", "exec", "-scope", vaultScope)
	p.cmd.Args = append([]string{"sh", "-c", `ulimit -n 512; exec "$0" "$@"`, binary}, p.cmd.Args[1:]...)
	p.cmd.Path = sh
	p.start()
	endpoint, err := url.Parse(p.environment().Get("IDENTITY_ENDPOINT"))
	require.NoError(t, err)
	testbed.Storm(t, endpoint.Host, 800)
	_, err = io.WriteString(p.stdin, "begin\n")
	require.NoError(t, err)
	status, _ := p.wait()
	require.Zero(t, status, p.stderr.String())
	require.Empty(t, p.stderr.String())
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

// Without tokens the command isn't run.
func TestExecRefused(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	for _, args := range [][]string{nil, {"-token-file"}} {
		p := inProcess(t, cloud, job, "environment", append([]string{"exec", "-scope", vaultScope}, args...)...)
		status, stdout := p.run()
		require.Equal(t, exitExecFailed, status)
		require.Empty(t, stdout)
		require.Contains(t, p.stderr.String(), "azoidc: "+vaultScope)
		require.Contains(t, p.stderr.String(), "AADSTS700016")
		requireNoSecret(t, cloud.Cloud, job, p.stderr.String())
	}
}

// What a program hides, the log tells.
func TestExecLogsWhyThereIsNoToken(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	p := inProcess(t, cloud, job, "deploy", "exec")
	p.cmd.Env = append(p.cmd.Env, serviceVariable+"=https://127.0.0.1", tokensVariable+"=1")
	status, _ := p.run()
	require.Equal(t, 99, status)
	require.Contains(t, p.stderr.String(), `azoidc: no token for "https://vault.azure.net": GitHubActionsCredential: Entra refused`)
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken), "neither tries again what is final")
	requireNoSecret(t, cloud.Cloud, job, p.stderr.String())
}

// The exit status for what can't be run is there before any request is made.
func TestExecCannotRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("text"), 0o600))
	for name, test := range map[string]struct {
		command string
		status  int
		reason  string
	}{
		"not in PATH":    {"azoidc-test-no-such-command", exitNotFound, "command not found"},
		"no such file":   {filepath.Join(dir, "none"), exitNotFound, "command not found"},
		"not executable": {plain, exitCannotRun, "permission denied"},
		"directory":      {dir, exitCannotRun, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && test.status == exitCannotRun {
				t.Skip("the file's name decides there")
			}
			cloud := newCloud(nil)
			r := run(t, inJob(cloud, cloud.GitHubJob(nil).Env()), "exec", "-scope", vaultScope, "--", test.command)
			require.Equal(t, test.status, r.status)
			require.Equal(t, "azoidc: "+test.command+": "+test.reason+"\n", r.stderr)
			require.Zero(t, cloud.Count())
		})
	}
}

// Who calls run can end the command by its context.
func TestExecEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p := inJob(cloud, cloud.GitHubJob(nil).Env(), roleVariable+"=wait-forever")
	p.stdin, p.stdout, p.stderr = http.NoBody, onWrite(cancel), io.Discard
	require.NotZero(t, p.run(ctx, []string{"exec", "--", self}))
	require.Error(t, ctx.Err())
}

// onWrite is called when the command says something.
type onWrite func()

func (f onWrite) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}
