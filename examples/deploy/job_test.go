package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

const vaultScope = "https://vault.azure.net/.default"

// realCloud stands for the real cloud: the program knows nothing of it but the variables that a job has. Only the
// certificate is passed in another way.
func realCloud(t *testing.T) (*azoidctest.Server, azcore.ClientOptions) {
	t.Helper()
	cloud := azoidctest.NewServer(&azoidctest.Options{KeyBits: testkit.KeyBits})
	t.Cleanup(cloud.Close)
	return cloud, azcore.ClientOptions{Transport: cloud.Client()}
}

func TestInGitHubActions(t *testing.T) {
	cloud, client := realCloud(t)
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Environment: "production"})
	testbed.SetEnv(t, job.Env())

	r := deploy(t.Context(), client)
	require.Zero(t, r.status, r.stderr)
	requireIdentity(t, r.stdout, "GitHub Actions", job.Issuer, job.Subject, job.Audience)
	requireLives(t, r.stdout, defaultScope)
	requireNoSecret(t, cloud.Cloud, r.stdout, r.stderr)
}

func TestInAzurePipelines(t *testing.T) {
	for _, kind := range []azoidctest.ConnectionKind{azoidctest.OlderConnection, azoidctest.NewerConnection} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			cloud, client := realCloud(t)
			job := cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: kind})
			testbed.SetEnv(t, job.Env())

			r := deploy(t.Context(), client, "-scope", vaultScope, "-scope", defaultScope)
			require.Zero(t, r.status, r.stderr)
			presented := cloud.Requests(azoidctest.EntraToken)[0].Assertion
			requireIdentity(t, r.stdout, "Azure Pipelines", job.Issuer, job.Subject, presented.Audience[0])
			requireLives(t, r.stdout, vaultScope)
			requireLives(t, r.stdout, defaultScope)
			requireNoSecret(t, cloud.Cloud, r.stdout, r.stderr)
		})
	}
}

func requireIdentity(t *testing.T, out, system, issuer, subject, audience string) {
	t.Helper()
	require.Contains(t, out, fmt.Sprintf("What %s says of this job\n\n  issuer    %s\n  subject   %s\n  audience  %s\n", system, issuer, subject, audience))
}

// requireLives wants the scope's end, to the second, which is an hour or more away.
func requireLives(t *testing.T, out, scope string) {
	t.Helper()
	require.Regexp(t, `until `+time.Now().UTC().Format("2006-")+`[0-9-]+ [0-9:]+ UTC \( [6-9]\d min\)  `+scope+`\n`, out)
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, cloud *azoidctest.Server)
		stdout  string // "": nothing
		stderr  []string
	}{
		{
			name: "Entra has no federated credential",
			prepare: func(t *testing.T, cloud *azoidctest.Server) {
				testbed.SetEnv(t, cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true}).Env())
			},
			stdout: "subject   repo:octo-org/octo-repo:ref:refs/heads/main",
			stderr: []string{"AADSTS70025", "presented:", "subject repo:octo-org/octo-repo:ref:refs/heads/main", "do:"},
		},
		{
			name: "the request token has ended",
			prepare: func(t *testing.T, cloud *azoidctest.Server) {
				job := cloud.GitHubJob(nil)
				job.ExpireRequestToken()
				testbed.SetEnv(t, job.Env())
			},
			stderr: []string{"GitHub Actions: no assertion", "401", "do:"},
		},
		{
			name: "no permission for OIDC tokens",
			prepare: func(t *testing.T, cloud *azoidctest.Server) {
				testbed.SetEnv(t, map[string]string{"GITHUB_ACTIONS": "true", "AZURE_TENANT_ID": cloud.TenantID(), "AZURE_CLIENT_ID": cloud.ClientID()})
			},
			stderr: []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "permissions: id-token: write"},
		},
		{
			name: "no mapped access token",
			prepare: func(t *testing.T, cloud *azoidctest.Server) {
				testbed.SetEnv(t, cloud.PipelinesJob(nil).Env())
				t.Setenv("SYSTEM_ACCESSTOKEN", "")
			},
			stderr: []string{"SYSTEM_ACCESSTOKEN: $(System.AccessToken)"},
		},
		{
			name: "no client ID",
			prepare: func(t *testing.T, cloud *azoidctest.Server) {
				testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
				t.Setenv("AZURE_CLIENT_ID", "")
			},
			stdout: "subject   repo:octo-org/octo-repo:ref:refs/heads/main",
			stderr: []string{"missing environment variable AZURE_CLIENT_ID"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			cloud, client := realCloud(t)
			test.prepare(t, cloud)
			r := deploy(t.Context(), client)
			require.Equal(t, 1, r.status)
			requireText(t, test.stdout, r.stdout)
			for _, part := range test.stderr {
				require.Contains(t, r.stderr, part)
			}
			require.NotContains(t, r.stdout, "until")
			if cloud.Count() > 0 {
				requireNoSecret(t, cloud.Cloud, r.stdout, r.stderr)
			}
		})
	}
}

// One scope that Entra refuses doesn't hide the others.
func TestPartlyRefused(t *testing.T) {
	cloud, client := realCloud(t)
	testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
	cloud.Fail(azoidctest.EntraToken, azoidctest.OnScope(vaultScope, azoidctest.EntraRefusal(500011)))

	r := deploy(t.Context(), client, "-scope", vaultScope, "-scope", defaultScope)
	require.Equal(t, 1, r.status)
	requireLives(t, r.stdout, defaultScope)
	require.NotContains(t, r.stdout, vaultScope)
	require.Contains(t, r.stderr, vaultScope+": GitHubActionsCredential: ")
	require.Contains(t, r.stderr, "AADSTS500011")
}

// A job that isn't set up fails, and says all that it lacks.
func TestNotSetUp(t *testing.T) {
	for name, test := range map[string]struct {
		environment func(*azoidctest.Cloud) map[string]string
		unset       []string
		stdout      string
		missing     string
	}{
		"GitHub Actions, nothing": {
			environment: func(*azoidctest.Cloud) map[string]string { return map[string]string{"GITHUB_ACTIONS": "true"} },
			missing: "Not set in this job of GitHub Actions: AZURE_TENANT_ID, AZURE_CLIENT_ID, " +
				"ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN\n",
		},
		"GitHub Actions, nobody to sign in as": {
			environment: func(c *azoidctest.Cloud) map[string]string { return c.GitHubJob(nil).Env() },
			unset:       []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID"},
			stdout:      "subject   repo:octo-org/octo-repo:ref:refs/heads/main",
			missing:     "Not set in this job of GitHub Actions: AZURE_TENANT_ID, AZURE_CLIENT_ID\n",
		},
		"Azure Pipelines, nothing": {
			environment: func(*azoidctest.Cloud) map[string]string { return map[string]string{"TF_BUILD": "True"} },
			missing: "Not set in this job of Azure Pipelines: AZURESUBSCRIPTION_TENANT_ID, AZURESUBSCRIPTION_CLIENT_ID, " +
				"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID, SYSTEM_OIDCREQUESTURI, SYSTEM_ACCESSTOKEN\n",
		},
		"Azure Pipelines, no mapped access token": {
			environment: func(c *azoidctest.Cloud) map[string]string { return c.PipelinesJob(nil).Env() },
			unset:       []string{"SYSTEM_ACCESSTOKEN"},
			missing:     "Not set in this job of Azure Pipelines: SYSTEM_ACCESSTOKEN\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, client := realCloud(t)
			testbed.SetEnv(t, test.environment(cloud.Cloud))
			for _, name := range test.unset {
				t.Setenv(name, "")
			}
			r := deploy(t.Context(), client)
			require.Equal(t, 1, r.status)
			requireText(t, test.stdout, r.stdout)
			require.Contains(t, r.stderr, test.missing)
			require.Contains(t, r.stderr, "-demo shows the demonstration")
		})
	}
}

// What a CI system says of a job can't become a command to it: a branch may have any name.
func TestForgedCommand(t *testing.T) {
	const subject = "repo:octo-org/octo-repo:ref:refs/heads/x\n::add-mask::e\r\n##vso[task.setvariable variable=PATH]/tmp"
	cloud, client := realCloud(t)
	testbed.SetEnv(t, cloud.GitHubJob(&azoidctest.GitHubJobOptions{Subject: subject, Untrusted: true}).Env())
	r := deploy(t.Context(), client)
	require.Equal(t, 1, r.status)
	require.Contains(t, r.stdout, "  subject   "+redact.Line(subject)+"\n")
	for _, text := range []string{r.stdout, r.stderr} {
		require.Equal(t, redact.Text(text), text)
		require.NotContains(t, text, "##vso[")
		require.NotRegexp(t, `(?m)^\s*::`, text)
	}
}
