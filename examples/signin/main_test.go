package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestMain makes this program the command of TestCommand, too: it prints the token that it gets from the address.
func TestMain(m *testing.M) {
	if address := os.Getenv("PRINT_TOKEN_FROM"); address != "" {
		os.Exit(printToken(address))
	}
	testbed.Run(m)
}

const (
	times = ` until \d\d:\d\d:\d\d, refreshed from \d\d:\d\d:\d\d on\n`
	held  = "^" + azoidc.ScopeResourceManager + times + azoidc.ScopeStorage + times + azoidc.ScopeKeyVault + times + "$"
)

// result is what a run of the program leaves behind.
type result struct {
	status         int
	stdout, stderr string
}

func signin(cloud *azoidctest.Cloud, args ...string) result {
	var stdout, stderr bytes.Buffer
	status := run(args, &stdout, &stderr, cloud.ClientOptions())
	return result{status, stdout.String(), stderr.String()}
}

// environments are those of jobs in the CI systems.
var environments = map[string]func(*azoidctest.Cloud) map[string]string{
	"GitHub Actions":  func(c *azoidctest.Cloud) map[string]string { return c.GitHubJob(nil).Env() },
	"Azure Pipelines": func(c *azoidctest.Cloud) map[string]string { return c.PipelinesJob(nil).Env() },
}

// oidcTokens are those of any system that hands them out.
func oidcTokens(cloud *azoidctest.Cloud) azoidc.AssertionFunc {
	job := cloud.GitHubJob(nil)
	return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
}

// setApplication tells the application's IDs where there is no job that does.
func setApplication(t *testing.T, cloud *azoidctest.Cloud) {
	t.Helper()
	t.Setenv("AZURE_TENANT_ID", cloud.TenantID())
	t.Setenv("AZURE_CLIENT_ID", cloud.ClientID())
}

func withAssertions(cloud *azoidctest.Cloud) *azoidc.AssertionCredentialOptions {
	return &azoidc.AssertionCredentialOptions{CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()}}
}

// Each way acquires what the program will need, and prints it.
func TestEachWay(t *testing.T) {
	testbed.OnALaptop(t)
	for name, test := range map[string]struct {
		environment func(*testing.T, *azoidctest.Cloud)
		args        []string
		oidcTokens  int
	}{
		"default":  {inGitHubActions, []string{"default"}, 3},
		"chain":    {inGitHubActions, []string{"chain"}, 3},
		"onetoken": {withOneToken, []string{"onetoken"}, 1},
		"command":  {withCommand, []string{"command", os.Args[0]}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := testkit.NewCloud()
			test.environment(t, cloud)
			got := signin(cloud, test.args...)
			require.Zero(t, got.status, got.stderr)
			require.Regexp(t, held, got.stdout)
			require.Empty(t, got.stderr)
			require.Equal(t, test.oidcTokens, cloud.Count(azoidctest.GitHubOIDC))
			require.Equal(t, 3, cloud.Count(azoidctest.EntraToken))
		})
	}
}

func inGitHubActions(t *testing.T, cloud *azoidctest.Cloud) {
	testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
}

func withOneToken(t *testing.T, cloud *azoidctest.Cloud) {
	setApplication(t, cloud)
	oidcToken, err := oidcTokens(cloud)(t.Context())
	require.NoError(t, err)
	t.Setenv("AZURE_OIDC_TOKEN", oidcToken)
}

func withCommand(t *testing.T, cloud *azoidctest.Cloud) {
	setApplication(t, cloud)
	t.Setenv("PRINT_TOKEN_FROM", issuer(t, cloud))
}

// Whatever can't be had is told on stderr, and nothing is printed.
func TestFailures(t *testing.T) {
	testbed.OnALaptop(t)
	cloud := testkit.NewCloud()
	setApplication(t, cloud)
	t.Setenv("PRINT_TOKEN_FROM", "http://127.0.0.1:0")
	for want, args := range map[string][]string{
		"AzureCLICredential": {"chain"},
		"it is empty":        {"onetoken"},
		"exit status 1":      {"command", os.Args[0]},
	} {
		got := signin(cloud, args...)
		require.Equal(t, failed, got.status, args)
		require.Contains(t, got.stderr, want)
		require.Empty(t, got.stdout)
	}
	require.Zero(t, cloud.Count(azoidctest.EntraToken))
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		{"laptop"}, {""}, {"-h"}, {"command"}, {"default", "chain"}, {"chain", "onetoken"}, {"onetoken", "eyJ"}, {"laptop", "chain"}, {"onbehalfof", "x"},
	} {
		require.Equal(t, result{status: wrongUsage, stderr: usage}, signin(testkit.NewCloud(), args...), args)
	}
}
