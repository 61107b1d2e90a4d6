package ci_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

func TestDetect(t *testing.T) {
	const credentials = "AZURE_TOKEN_CREDENTIALS="
	const github, devops = "ACTIONS_ID_TOKEN_REQUEST_URL=https://x", "SYSTEM_OIDCREQUESTURI=https://x"
	for name, test := range map[string]struct {
		env  ci.Variables
		want *ci.System
	}{
		"nothing":                      {nil, nil},
		"GitHub":                       {ci.Variables{github}, ci.GitHubActions},
		"Azure Pipelines":              {ci.Variables{devops}, ci.AzurePipelines},
		"both":                         {ci.Variables{devops, github}, ci.GitHubActions},
		"both, GitHub named":           {ci.Variables{devops, github, credentials + "GitHubActionsCredential"}, ci.GitHubActions},
		"both, Azure Pipelines named":  {ci.Variables{devops, github, credentials + "azurepipelinescredential"}, ci.AzurePipelines},
		"another credential":           {ci.Variables{devops, credentials + "prod"}, ci.AzurePipelines},
		"GitHub without permission":    {ci.Variables{"GITHUB_ACTIONS=true"}, ci.GitHubActions},
		"Azure Pipelines, nothing set": {ci.Variables{"TF_BUILD=True"}, ci.AzurePipelines},
		"Gitea within Azure Pipelines": {ci.Variables{"TF_BUILD=True", github}, ci.GitHubActions},
		"no job of GitHub's":           {ci.Variables{"GITHUB_ACTIONS=false"}, nil},
		"a marker that isn't a bool":   {ci.Variables{"GITHUB_ACTIONS=github"}, nil},
	} {
		t.Run(name, func(t *testing.T) { require.Same(t, test.want, ci.Detect(test.env.Get)) })
	}
}

// Whose log it is doesn't depend on whose tokens are requested.
func TestRunning(t *testing.T) {
	require.Nil(t, ci.Running(ci.Variables{"ACTIONS_ID_TOKEN_REQUEST_URL=https://x"}.Get))
	require.Same(t, ci.GitHubActions, ci.Running(ci.Variables{"GITHUB_ACTIONS=true"}.Get))
	require.Same(t, ci.AzurePipelines, ci.Running(ci.Variables{"TF_BUILD=True", "ACTIONS_ID_TOKEN_REQUEST_URL=https://x"}.Get))
}

// Every variable that a request for a token takes has a remedy.
func TestMissing(t *testing.T) {
	for _, s := range ci.Systems() {
		needed := []string{s.RequestURL, s.RequestToken}
		if s.ConnectionID != "" {
			needed = append(needed, s.ConnectionID)
		}
		for _, variable := range needed {
			require.Regexp(t, "^missing environment variable "+variable+": .{20,}", s.Missing(variable))
		}
	}
	require.Equal(t, "missing environment variable SYSTEM_ACCESSTOKEN: map SYSTEM_ACCESSTOKEN in the step: 'env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)'",
		ci.AzurePipelines.Missing("SYSTEM_ACCESSTOKEN"))
}

func TestMissingSaysNothingTwice(t *testing.T) {
	require.Equal(t, "missing environment variables ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN: in a GitHub Actions job, "+
		"add 'permissions: id-token: write' to the workflow or the job (a pull request from a fork never gets it); "+
		"a container or another user's process needs the variables passed on",
		ci.GitHubActions.Missing("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
}

func TestCredentials(t *testing.T) {
	require.Equal(t, "GitHubActionsCredential and AzurePipelinesCredential", ci.Credentials())
}

func TestOutside(t *testing.T) {
	text := ci.Outside()
	for _, s := range ci.Systems() {
		require.Contains(t, text, s.RequestURL)
		require.Contains(t, text, "\n  "+s.Name+": "+s.Setup)
	}
}
