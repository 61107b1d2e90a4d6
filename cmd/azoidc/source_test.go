package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/testbed"
)

// inOtherCI is a program in a CI system that azoidc doesn't know, and a file with an OIDC token of that system's.
func inOtherCI(t *testing.T, cloud *azoidctest.Cloud, more ...string) (p *program, file string) {
	t.Helper()
	job := cloud.GitHubJob(nil)
	jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})(t.Context())
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(jwt+"\n"), 0o600))
	env := map[string]string{"CI": "true", "AZURE_TENANT_ID": cloud.TenantID(), "AZURE_CLIENT_ID": cloud.ClientID()}
	return inJob(cloud, env, more...), file
}

// printing is a command line that prints a file.
func printing(file string) string {
	if runtime.GOOS == "windows" {
		return "Get-Content '" + strings.ReplaceAll(file, "'", "''") + "'"
	}
	return "cat " + quoted(file)
}

// quoted is a word of sh's.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func TestNamedSourceInEveryCommand(t *testing.T) {
	testbed.NotShort(t, "starts many programs")
	t.Parallel()
	cloud := newCloud(nil)
	_, file := inOtherCI(t, cloud)
	for name, source := range map[string]struct {
		args, env []string
	}{
		"command":                  {args: []string{"-assertion-command", printing(file)}},
		"command, by a variable":   {env: []string{"AZOIDC_ASSERTION_COMMAND=" + printing(file)}},
		"file":                     {args: []string{"-assertion-file", file}},
		"file, by a variable":      {env: []string{"AZOIDC_ASSERTION_FILE=" + file}},
		"rather than the systems'": {args: []string{"-assertion-file", file}, env: []string{"GITHUB_ACTIONS=true"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := inOtherCI(t, cloud, source.env...)
			r := run(t, p, append([]string{"token", "-scope", vaultScope, "-o", "raw"}, source.args...)...)
			require.Equal(t, exitWell, r.status, r.stderr)
			require.NotEmpty(t, r.stdout)

			r = run(t, p, append([]string{"assertion"}, source.args...)...)
			require.Equal(t, exitWell, r.status, r.stderr)
			jwt, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(jwt), r.stdout)

			r = run(t, p, append([]string{"doctor", "-o", "json"}, source.args...)...)
			require.Equal(t, exitWell, r.status, r.stdout)
			var d login.Diagnosis
			require.NoError(t, json.Unmarshal([]byte(r.stdout), &d))
			require.Contains(t, d.CI, "-assertion-")
			require.NotContains(t, r.stdout, string(jwt[:len(jwt)-1]))

			for _, more := range [][]string{nil, {"-token-file"}} {
				args := append(append([]string{"exec", "-scope", vaultScope}, source.args...), more...)
				r = run(t, p, append(args, "--", "go", "version")...)
				require.Zero(t, r.status, r.stderr)
			}
		})
	}
}

func TestNamedSourceFails(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	p, file := inOtherCI(t, cloud)
	for want, args := range map[string][]string{
		"OIDC tokens come from one of them": {"-assertion-command", printing(file), "-assertion-file", file},
		"the audience is chosen where":      {"-assertion-file", file, "-audience", "api://x"},
		"none.jwt":                          {"-assertion-file", filepath.Join(t.TempDir(), "none.jwt")},
		"run the command by hand":           {"-assertion-command", "exit 3"},
		"nothing on its standard output":    {"-assertion-command", "exit 0"},
		"not a JWT":                         {"-assertion-command", "echo '##vso[task.x]'"},
	} {
		for _, command := range [][]string{{"token", "-scope", vaultScope}, {"assertion"}} {
			r := run(t, p, append(command, args...)...)
			require.Equal(t, exitNotWell, r.status)
			require.Contains(t, r.stderr, want)
			require.NotContains(t, r.stderr, "##vso[")
			require.Empty(t, r.stdout)
		}
	}
}

// An OIDC token for one audience isn't handed out for another one, whoever allows it.
func TestNamedSourcesAudience(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	p, file := inOtherCI(t, cloud)
	l := loginOf(t, p, "-assertion-file", file)
	jwt, err := l.AssertionFor(t.Context(), "api://AzureADTokenExchange")
	require.NoError(t, err)
	require.NotEmpty(t, jwt)
	_, err = l.AssertionFor(t.Context(), "sigstore")
	require.EqualError(t, err, "-assertion-file has OIDC tokens for the audience api://AzureADTokenExchange only, and none for sigstore")
}

func TestAssertionIsMaskedFirst(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	for marker, test := range map[string]struct {
		env  map[string]string
		mask string
	}{
		"GITHUB_ACTIONS=true": {cloud.GitHubJob(nil).Env(), "::add-mask::"},
		"TF_BUILD=True":       {cloud.PipelinesJob(nil).Env(), "##vso[task.setsecret]"},
	} {
		p := inJob(cloud, without(test.env, "AZURE_CLIENT_ID", "AZURE_TENANT_ID"), marker)
		r := run(t, p, "assertion")
		require.Equal(t, exitWell, r.status, r.stderr)
		require.Equal(t, strings.Repeat(test.mask+r.stdout, 2), r.stderr, "see mask")
		_, err := azoidc.ParseClaims(r.stdout[:len(r.stdout)-1])
		require.NoError(t, err)

		var stdout strings.Builder
		p.stdout, p.stderr = &stdout, brokenPipe{}
		require.Equal(t, exitNotWell, p.run(t.Context(), []string{"assertion"}))
		require.Empty(t, stdout.String(), "what can't be masked isn't printed")
	}
	require.Zero(t, cloud.Count(azoidctest.EntraToken))
	job := cloud.GitHubJob(nil)
	r := run(t, inJob(cloud, job.Env()), "assertion", "-audience", "sigstore")
	claims, err := azoidc.ParseClaims(r.stdout[:len(r.stdout)-1])
	require.NoError(t, err)
	require.Equal(t, []string{"sigstore"}, claims.Audience)
}
