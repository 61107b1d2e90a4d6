package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
)

// Every command names what is missing, all of it, and exits with 1. exec doesn't run its command.
func TestMissingSettings(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	github, devops := cloud.GitHubJob(nil).Env(), cloud.PipelinesJob(nil).Env()
	for name, test := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"outside CI":            {nil, []string{"neither ACTIONS_ID_TOKEN_REQUEST_URL nor SYSTEM_OIDCREQUESTURI", "id-token: write", "$(System.AccessToken)"}},
		"GitHub, no permission": {without(github, "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"), []string{"ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN", "id-token: write"}},
		"GitHub, no token":      {without(github, "ACTIONS_ID_TOKEN_REQUEST_TOKEN"), []string{"missing environment variable ACTIONS_ID_TOKEN_REQUEST_TOKEN"}},
		"GitHub, no IDs": {without(github, "AZURE_TENANT_ID", "AZURE_CLIENT_ID"), []string{"-tenant-id or set AZURE_TENANT_ID",
			"-client-id or set AZURE_CLIENT_ID"}},
		"Azure Pipelines, not mapped":    {without(devops, "SYSTEM_ACCESSTOKEN"), []string{"missing environment variable SYSTEM_ACCESSTOKEN", "$(System.AccessToken)"}},
		"Azure Pipelines, no connection": {without(devops, "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"), []string{"-service-connection-id", "AzureCLI@2"}},
		"Azure Pipelines, an audience":   {with(devops, "AZOIDC_AUDIENCE", "api://x"), []string{"leave out -audience and AZOIDC_AUDIENCE"}},
		"Azure Pipelines, no IDs": {without(devops, "AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"),
			[]string{"AZURESUBSCRIPTION_TENANT_ID or AZURE_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID or AZURE_CLIENT_ID"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, args := range [][]string{{"token", "-scope", vaultScope}, {"exec", "--", os.Args[0]}, {"exec", "-token-file", "--", os.Args[0]}} {
				r := run(t, inJob(cloud, test.env), args...)
				require.Equal(t, map[string]int{"token": exitNotWell, "exec": exitExecFailed}[args[0]], r.status)
				require.Empty(t, r.stdout)
				for _, want := range test.want {
					require.Contains(t, r.stderr, want)
				}
				requireNoSecret(t, cloud, test.env, r.stderr)
			}
		})
	}
}

func TestFlagsComeBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	app := cloud.Register("12121212-3434-5656-7878-909090909090")
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Application: app, Audience: "api://special"})
	p := inJob(cloud, job.Env(), "AZURE_TENANT_ID=wrong", "AZURE_CLIENT_ID=wrong", "AZOIDC_AUDIENCE=wrong", "AZURE_AUTHORITY_HOST=https://wrong.example")
	r := run(t, p, "token", "-scope", vaultScope, "-tenant-id", cloud.TenantID(), "-client-id", app.ClientID(), "-audience", "api://special",
		"-authority-host", "https://login.microsoftonline.com")
	require.Equal(t, exitWell, r.status, r.stderr)

	devops := cloud.PipelinesJob(nil)
	p = inJob(cloud, devops.Env(), "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID=wrong")
	r = run(t, p, "token", "-scope", vaultScope, "-service-connection-id", devops.ServiceConnectionID)
	require.Equal(t, exitWell, r.status, r.stderr)
}

func TestEnvironmentTellsWhatFlagsDont(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Audience: "api://special"})
	r := run(t, inJob(cloud, job.Env(), "AZOIDC_AUDIENCE=api://special"), "token", "-scope", vaultScope)
	require.Equal(t, exitWell, r.status, r.stderr)

	p := inJob(cloud, job.Env(), "AZOIDC_DISABLE_INSTANCE_DISCOVERY=true")
	var common login.Flags
	flags := newFlagSet("token")
	common.Register(flags, p.env)
	require.True(t, common.DisableInstanceDiscovery)
	require.NoError(t, flags.Parse([]string{"-disable-instance-discovery=false"}))
	require.False(t, common.DisableInstanceDiscovery)
}
