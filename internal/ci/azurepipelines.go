package ci

// AzurePipelines is Azure Pipelines of Azure DevOps.
// https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create
var AzurePipelines = &System{
	Name:         "Azure Pipelines",
	Credential:   "AzurePipelinesCredential",
	Marker:       "TF_BUILD",
	RequestURL:   "SYSTEM_OIDCREQUESTURI",
	RequestToken: "SYSTEM_ACCESSTOKEN",
	TenantID:     []string{"AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID"},
	ClientID:     []string{"AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID"},
	ConnectionID: "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
	TempFolder:   "AGENT_TEMPDIRECTORY",
	JobProcess:   "Agent.Worker",
	Tracking:     "VSTS_PROCESS_LOOKUP_ID",
	StatusPage:   "https://status.dev.azure.com",
	Setup: "map SYSTEM_ACCESSTOKEN in the step, '" + pipelinesMapping + "', and run in an AzureCLI@2 or AzurePowerShell@5 task with a service connection " +
		"that uses workload identity federation",
	remedies: map[string]string{
		"SYSTEM_OIDCREQUESTURI": "run in a step of a job of Azure DevOps Services, whose agent sets SYSTEM_OIDCREQUESTURI; pass it on into a container " +
			"(docker run -e SYSTEM_OIDCREQUESTURI) or to another user's process, and update a self-hosted agent that doesn't set it; " +
			"Azure DevOps Server has no OIDC tokens",
		"SYSTEM_ACCESSTOKEN": "map SYSTEM_ACCESSTOKEN in the step: '" + pipelinesMapping + "'",
		"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "pass the service connection's ID, or run in an AzureCLI@2 or AzurePowerShell@5 task, " +
			"which sets AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
	},
	lines: map[string]string{"SYSTEM_ACCESSTOKEN": pipelinesMapping},
	// https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#logissue-log-an-error-or-warning
	failure: commandForm{start: "##vso[task.logissue type=error]", escape: pipelinesData},
	warning: commandForm{start: "##vso[task.logissue type=warning]", escape: pipelinesData},
	// https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#uploadsummary-add-some-markdown-content-to-the-build-summary
	summary: commandForm{start: "##vso[task.uploadsummary]", escape: pipelinesData},
	mask: commandForm{
		// https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#setsecret-register-a-value-as-a-secret
		start:  "##vso[task.setsecret]",
		escape: pipelinesData,
	},
	export: pipelinesVariable,
}

const pipelinesMapping = "env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)"
