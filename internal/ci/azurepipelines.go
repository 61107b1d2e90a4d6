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
	StatusPage:   "https://status.dev.azure.com",
	Setup: "map SYSTEM_ACCESSTOKEN in the step, '" + pipelinesMapping + "', and run in an AzureCLI@2 or AzurePowerShell@5 task with a service connection " +
		"that uses workload identity federation",
	remedies: map[string]string{
		"SYSTEM_OIDCREQUESTURI": "Azure Pipelines sets it in the jobs of organizations that have workload identity federation",
		"SYSTEM_ACCESSTOKEN":    "map it in the step: '" + pipelinesMapping + "'",
		"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "pass the service connection's ID, or run in an AzureCLI@2 or AzurePowerShell@5 task, " +
			"which sets it",
	},
	mask: commandForm{
		// https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#setsecret-register-a-value-as-a-secret
		start:  "##vso[task.setsecret]",
		escape: pipelinesData,
	},
}

const pipelinesMapping = "env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)"
