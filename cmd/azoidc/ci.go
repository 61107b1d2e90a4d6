package main

import (
	"strings"
)

// A ciSystem hands out OIDC tokens to its jobs.
type ciSystem struct {
	name                     string
	credential               string   // what AZURE_TOKEN_CREDENTIALS calls it
	marker                   string   // the variable that is true in each of its jobs
	requestURL, requestToken string   // the variables by which a job requests tokens
	tenantID, clientID       []string // the variables that tell the application
	remedy                   string   // when the former aren't set
}

var gitHub = ciSystem{
	name:         "GitHub Actions",
	credential:   "GitHubActionsCredential",
	marker:       "GITHUB_ACTIONS",
	requestURL:   "ACTIONS_ID_TOKEN_REQUEST_URL",
	requestToken: "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
	tenantID:     []string{"AZURE_TENANT_ID"},
	clientID:     []string{"AZURE_CLIENT_ID"},
	remedy: "add 'permissions: id-token: write' to the workflow or the job (a pull request from a fork never gets it); " +
		"a container or another user's process needs the variables passed on",
}

var azurePipelines = ciSystem{
	name:         "Azure Pipelines",
	credential:   "AzurePipelinesCredential",
	marker:       "TF_BUILD",
	requestURL:   "SYSTEM_OIDCREQUESTURI",
	requestToken: "SYSTEM_ACCESSTOKEN",
	tenantID:     []string{"AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID"},
	clientID:     []string{"AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID"},
	remedy: "map it in the step, 'env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)', and run in an AzureCLI@2 or AzurePowerShell@5 task " +
		"with a service connection that uses workload identity federation",
}

const connectionIDVariable = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"

// detectCI returns nil when this isn't a job of a CI system that it knows.
func detectCI(env environment) *ciSystem {
	systems := []*ciSystem{&gitHub, &azurePipelines}
	tests := []func(*ciSystem) bool{
		func(ci *ciSystem) bool { return strings.EqualFold(env.get("AZURE_TOKEN_CREDENTIALS"), ci.credential) },
		func(ci *ciSystem) bool { return env.get(ci.requestURL) != "" },
		func(ci *ciSystem) bool { return env.isTrue(ci.marker) },
	}
	for _, test := range tests {
		for _, ci := range systems {
			if test(ci) {
				return ci
			}
		}
	}
	return nil
}
