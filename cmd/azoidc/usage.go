package main

const usageOverview = `azoidc gives Azure tokens to the steps of a CI job: GitHub Actions, Azure Pipelines, others by a command or a file.

  azoidc exec      [common] [supply] -- COMMAND [ARG...]
  azoidc start     [common] [supply] [-name N] [-for D] [-o github|azure|sh|powershell|json]
  azoidc stop      [-name N]
  azoidc status    [-name N] [-log] [-o text|json]
  azoidc token     [common] -scope S [-o json|raw]
  azoidc assertion [common]
  azoidc doctor    [common] [-scope S]... [-probe] [-o text|json|markdown]
  azoidc version

  exec       runs a command whose Azure CLI, Terraform, Azure SDKs sign in for as long as it lasts
  start      does the same for the job's later steps, until stop or the job's end; status tells how it is
  token      prints an access token
  assertion  prints an OIDC token of the CI system's
  doctor     tells what works, what doesn't, and what to do

common: as which application, by whose OIDC tokens. supply: for whom, and how.
Run 'azoidc COMMAND -h' for what they mean.
`

const usageExec = `azoidc exec [common] [supply] -- COMMAND [ARG...]

Runs COMMAND and serves it tokens on loopback, as Azure App Service does for managed identities. Programs find them by
the environment: Azure SDKs (IDENTITY_ENDPOINT), 'az login --identity' (MSI_ENDPOINT), Terraform (ARM_USE_MSI), AzCopy,
azd (AZD_AUTH_ENDPOINT). Signals are passed on, unless COMMAND got them already. When COMMAND has ended, what it left
running in its process group is ended, too (on Windows, all that it started; in a terminal, nothing). When azoidc is
killed, so is COMMAND.
The exit status is COMMAND's; 128+n when signal n ended it; 126 when it can't be run, 127 when it isn't found; 125 when
azoidc failed, as when there are no tokens to be had, and COMMAND wasn't run.

` + usageSupply + `
` + usageCommon

const usageSupply = `supply:
  -scope S               acquire a token for S first (repeatable), for example https://vault.azure.net/.default, of
                         each identity; others are acquired when asked for
  -identity N=CLIENT_ID[,tenant=ID][,service-connection=ID]
                         serve this application's tokens, too (repeatable): to who asks for that client ID, and at an
                         address of its own, AZOIDC_MSI_ENDPOINT_N
  -request-endpoint      serve OIDC tokens, too, as GitHub Actions does, for tools that take these only
                         (ACTIONS_ID_TOKEN_REQUEST_URL, ARM_OIDC_REQUEST_URL; Terraform uses it if ARM_USE_OIDC is true)
  -allow-audience A      serve them for A, too (repeatable), and not only for Microsoft Entra
  -container             serve Docker's and Podman's containers on this machine, too, by the address of their bridge
  -keep-request-token    leave COMMAND, or the shell, the variables by which it can itself request OIDC tokens for any
                         audience: ACTIONS_ID_TOKEN_REQUEST_TOKEN, SYSTEM_ACCESSTOKEN and those that belong to them
  -token-file            instead of serving anything, keep a file with the CI system's OIDC token fresh
                         (AZURE_FEDERATED_TOKEN_FILE); a -scope is then only tried
`

const usageStart = `azoidc start [common] [supply] [-name N] [-for D] [-o FORM]

Serves tokens in the background, as exec does, to the steps that follow in this job: it returns when they can be had, and
gives those steps the variables by which programs find them. In GitHub Actions by GITHUB_ENV, in Azure Pipelines by
setvariable; in a shell write

  eval "$(azoidc start)"                      in sh
  azoidc start | Out-String | Invoke-Expression   in PowerShell

It ends at azoidc stop, when the job's runner or the shell's session does, and after -for. What is secret in the variables is
masked in the job's log. Whoever runs in the job has them; exec keeps them to one command.

  -name N               to have several side by side ("default")
  -for D                end after that time at the latest, such as 90m (6h)
  -o FORM               github, azure, sh, powershell or json; by default what fits where it runs

` + usageSupply + `
` + usageCommon

const usageStop = `azoidc stop [-name N]

Ends what azoidc start has started, and waits for its end. It is well, too, when there is nothing to end.

  -name N   that of start ("default")
`

const usageStatus = `azoidc status [-name N] [-log] [-o text|json]

Tells about what azoidc start has started: since when, for whom, which tokens it holds until when, the last error. It prints
no secret. The exit status is 1 when nothing runs.

  -name N        that of start ("default")
  -log           print its log instead, also that of one that has ended by force or because its time was over
  -o text|json   the form
`

const usageVersion = `azoidc version

Prints azoidc's version, and what built it for which system.
`

const usageToken = `azoidc token [common] -scope S [-o json|raw]

Prints an access token. In a job of GitHub Actions or Azure Pipelines, the job's log masks it from then on: for that, leave
the standard error to the log.

  -scope S      for example https://vault.azure.net/.default
  -o json|raw   as 'az account get-access-token' does (json, the default), or the token alone

` + usageCommon

const usageAssertion = `azoidc assertion [common]

Prints a new OIDC token of the CI system's, for a program that exchanges it itself. In a job of GitHub Actions or Azure
Pipelines, the job's log masks it from then on. The application's IDs aren't needed.

` + usageCommon

const usageDoctor = `azoidc doctor [common] [-scope S]... [-probe] [-o text|json|markdown]

Tells which CI system this is, what is set and what is missing, who the job's OIDC token says it is, and what the
application's federated identity credential must hold; then tries each step to Microsoft Entra: proxy, network, clock,
tokens. It prints no secret. In a job, what is wrong is shown at the top of the run, and all of it in its summary
(GITHUB_STEP_SUMMARY, or Azure Pipelines' uploaded summary), unless -o is json or markdown. The exit status is 0 only
when all is well.

  -scope S                a scope to try (repeatable); without one, Azure Resource Manager's
  -probe                  ask the scope's service with the token, where azoidc knows a request that needs no role
                          (Resource Manager, Microsoft Graph), and tell which roles are missing
  -o text|json|markdown   the form of the report

` + usageCommon

const usageCommon = `common:
  -tenant-id ID                the application's tenant (AZURESUBSCRIPTION_TENANT_ID in Azure Pipelines, AZURE_TENANT_ID)
  -client-id ID                the application (AZURESUBSCRIPTION_CLIENT_ID in Azure Pipelines, AZURE_CLIENT_ID)
  -service-connection-id ID    Azure Pipelines only (AZURESUBSCRIPTION_SERVICE_CONNECTION_ID)
  -audience A                  of the OIDC token, GitHub Actions only (AZOIDC_AUDIENCE); by default what the cloud of
                               the authority host recommends, api://AzureADTokenExchange in the public one
  -assertion-command CMD       prints a new OIDC token at every call, in place of a CI system that azoidc knows
                               (AZOIDC_ASSERTION_COMMAND); the shell runs it
  -assertion-file PATH         holds the OIDC token, likewise (AZOIDC_ASSERTION_FILE); it is read at every exchange
  -authority-host URL          of Microsoft Entra (AZURE_AUTHORITY_HOST); by default https://login.microsoftonline.com
  -disable-instance-discovery  for disconnected and private clouds (AZOIDC_DISABLE_INSTANCE_DISCOVERY=true)

In parentheses: the variables that tell when the flag is left out. The CI system is the one whose variables are there,
ACTIONS_ID_TOKEN_REQUEST_URL or SYSTEM_OIDCREQUESTURI, unless AZURE_TOKEN_CREDENTIALS names GitHubActionsCredential or
AzurePipelinesCredential.
`

func usage(command string) string {
	switch command {
	case "exec":
		return usageExec
	case "start":
		return usageStart
	case "stop":
		return usageStop
	case "status":
		return usageStatus
	case "version":
		return usageVersion
	case "token":
		return usageToken
	case "assertion":
		return usageAssertion
	case "doctor":
		return usageDoctor
	}
	return usageOverview
}
