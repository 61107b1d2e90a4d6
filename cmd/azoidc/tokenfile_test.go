package main

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// For hours the file holds a token that has at least half of its life left.
func TestTokenFileIsFresh(t *testing.T) {
	testbed.NotShort(t, "simulates hours of renewals")
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(nil)
		p := inJob(cloud, cloud.GitHubJob(nil).Env())
		stderr := &lockedBuffer{}
		p.stderr = stderr
		tokens, err := p.keepTokenFile(t.Context(), loginOf(t, p), []string{vaultScope})
		require.NoError(t, err)
		path := tokens.env["AZURE_FEDERATED_TOKEN_FILE"]
		require.Equal(t, map[string]string{
			"AZURE_FEDERATED_TOKEN_FILE": path,
			"AZURE_CLIENT_ID":            cloud.ClientID(),
			"AZURE_TENANT_ID":            cloud.TenantID(),
			"AZURE_AUTHORITY_HOST":       "https://login.microsoftonline.com/",
		}, tokens.env)
		for end := time.Now().Add(3 * time.Hour); time.Now().Before(end); time.Sleep(7 * time.Second) {
			synctest.Wait()
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			claims, err := azoidc.ParseClaims(string(content))
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(content)), string(content))
			require.GreaterOrEqual(t, time.Until(claims.ExpiresAt), 149*time.Second)
		}
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken), "the scope was tried")
		require.Contains(t, stderr.String(), "warning: the OIDC token in AZURE_FEDERATED_TOKEN_FILE lives 5m0s")
		require.Contains(t, stderr.String(), "AADSTS700024")
		if runtime.GOOS != "windows" {
			requireMode(t, path, 0o600)
			requireMode(t, filepath.Dir(path), 0o700|os.ModeDir)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		require.Len(t, entries, 2, "nothing is left of the renewals: there are the token and the lock")

		tokens.close()

		require.NoDirExists(t, filepath.Dir(path))
	})
}

func requireMode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, mode, info.Mode())
}

// A token that lives a day is no cause for a warning.
func TestTokenFileOfLongLivedTokens(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(nil)
		p := inJob(cloud, cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection}).Env())
		stderr := &lockedBuffer{}
		p.stderr = stderr
		tokens, err := p.keepTokenFile(t.Context(), loginOf(t, p), nil)
		require.NoError(t, err)
		defer tokens.close()
		time.Sleep(13 * time.Hour)
		synctest.Wait()
		require.Equal(t, 2, cloud.Count(azoidctest.AzureDevOpsOIDC))
		require.Empty(t, stderr.String())
	})
}

// An outage of the CI system costs nothing but a line in the log.
func TestTokenFileSurvivesAnOutage(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(nil)
		job := cloud.GitHubJob(nil)
		p := inJob(cloud, job.Env())
		stderr := &lockedBuffer{}
		p.stderr = stderr
		tokens, err := p.keepTokenFile(t.Context(), loginOf(t, p), nil)
		require.NoError(t, err)
		defer tokens.close()
		cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(503, nil, ""))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Contains(t, stderr.String(), "couldn't be renewed")
		require.Less(t, strings.Count(stderr.String(), "couldn't be renewed"), 10*60/5)
		cloud.Mend()
		time.Sleep(time.Minute)
		synctest.Wait()
		content, err := os.ReadFile(tokens.env["AZURE_FEDERATED_TOKEN_FILE"])
		require.NoError(t, err)
		claims, err := azoidc.ParseClaims(string(content))
		require.NoError(t, err)
		require.Positive(t, time.Until(claims.ExpiresAt))
		requireNoSecret(t, cloud, job.Env(), stderr.String())
	})
}

// The variables of the file take the place of the endpoint's.
func TestExecTokenFile(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	job := cloud.GitHubJob(nil).Env()
	p := inProcess(t, cloud, job, "wait", "exec", "-token-file")
	p.cmd.Env = append(p.cmd.Env, "IDENTITY_ENDPOINT=http://another", "AZURE_TOKEN_CREDENTIALS=GitHubActionsCredential")
	p.start()
	env := p.environment()
	path := env.Get("AZURE_FEDERATED_TOKEN_FILE")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = azoidc.ParseClaims(string(content))
	require.NoError(t, err)
	require.Equal(t, cloud.TenantID(), env.Get("AZURE_TENANT_ID"))
	require.Equal(t, cloud.ClientID(), env.Get("AZURE_CLIENT_ID"))
	require.Equal(t, cloud.URL+"/", env.Get("AZURE_AUTHORITY_HOST"))
	require.Equal(t, "WorkloadIdentityCredential", env.Get("AZURE_TOKEN_CREDENTIALS"))
	for _, name := range append(requestVariables(), "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "ARM_USE_MSI") {
		require.Empty(t, env.Get(name), name)
	}
	require.NoError(t, p.stdin.Close())
	status, _ := p.wait()
	require.Zero(t, status)
	require.Contains(t, p.stderr.String(), "warning: ")
	requireNoSecret(t, cloud.Cloud, job, p.stderr.String())
}

// The file is gone when the command has ended, while azoidc still runs.
func TestExecRemovesItsTokenFile(t *testing.T) {
	cloud, temp := newCloud(nil), t.TempDir()
	t.Setenv("TMPDIR", temp)
	r := run(t, inJob(cloud, cloud.GitHubJob(nil).Env()), "exec", "-token-file", "--", "go", "version")
	require.Equal(t, exitWell, r.status, r.stderr)
	require.Equal(t, 1, cloud.Count(azoidctest.GitHubOIDC), "for the file")
	require.Empty(t, filesBelow(t, temp))
}

// A process that is killed leaves no token behind.
func TestExecTokenFileIsGoneWhenKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there the next process removes it, see TestLeftoversOfDeadProcesses")
	}
	cloud := newServer(t, nil)
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "wait", "exec", "-token-file")
	p.start()
	path := p.environment().Get("AZURE_FEDERATED_TOKEN_FILE")
	require.FileExists(t, path)
	require.NoError(t, p.cmd.Process.Kill())
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Dir(path))
		return errors.Is(err, fs.ErrNotExist)
	}, 30*time.Second, 5*time.Millisecond)
}

// Without an OIDC token there is no file, and the command isn't run.
func TestExecWithoutATokenFile(t *testing.T) {
	cloud := newCloud(nil)
	cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(http.StatusForbidden, nil, `{"message":"no, not that"}`))
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	r := run(t, inJob(cloud, cloud.GitHubJob(nil).Env()), "exec", "-token-file", "--", "go", "version")
	require.Equal(t, exitExecFailed, r.status)
	require.Contains(t, r.stderr, "no, not that")
	require.Empty(t, r.stdout)
	require.Empty(t, filesBelow(t, temp))
}
