package ci_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

type variables map[string]string

func (v variables) get(name string) string { return v[name] }

func TestDetect(t *testing.T) {
	const credentials, address = "AZURE_TOKEN_CREDENTIALS", "https://x"
	github, devops := "ACTIONS_ID_TOKEN_REQUEST_URL", "SYSTEM_OIDCREQUESTURI"
	for name, test := range map[string]struct {
		env  variables
		want *ci.System
	}{
		"nothing":                      {nil, nil},
		"GitHub":                       {variables{github: address}, ci.GitHubActions},
		"Azure Pipelines":              {variables{devops: address}, ci.AzurePipelines},
		"both":                         {variables{devops: address, github: address}, ci.GitHubActions},
		"both, GitHub named":           {variables{devops: address, github: address, credentials: "GitHubActionsCredential"}, ci.GitHubActions},
		"both, Azure Pipelines named":  {variables{devops: address, github: address, credentials: "azurepipelinescredential"}, ci.AzurePipelines},
		"another credential":           {variables{devops: address, credentials: "prod"}, ci.AzurePipelines},
		"GitHub without permission":    {variables{"GITHUB_ACTIONS": "true"}, ci.GitHubActions},
		"Azure Pipelines, nothing set": {variables{"TF_BUILD": "True"}, ci.AzurePipelines},
		"Gitea within Azure Pipelines": {variables{"TF_BUILD": "True", github: address}, ci.GitHubActions},
		"no job of GitHub's":           {variables{"GITHUB_ACTIONS": "false"}, nil},
		"a marker that isn't a bool":   {variables{"GITHUB_ACTIONS": "github"}, nil},
	} {
		t.Run(name, func(t *testing.T) { require.Same(t, test.want, ci.Detect(test.env.get)) })
	}
}

// Whose log it is doesn't depend on whose tokens are requested.
func TestRunning(t *testing.T) {
	require.Nil(t, ci.Running(variables{"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x"}.get))
	require.Same(t, ci.GitHubActions, ci.Running(variables{"GITHUB_ACTIONS": "true"}.get))
	require.Same(t, ci.AzurePipelines, ci.Running(variables{"TF_BUILD": "True", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x"}.get))
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
