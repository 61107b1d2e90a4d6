package ci

// GitHubActions is GitHub Actions. The runners of Gitea and Forgejo set the same variables for requests.
// https://docs.github.com/actions/reference/security/oidc
var GitHubActions = &System{
	Name:            "GitHub Actions",
	Credential:      "GitHubActionsCredential",
	Marker:          "GITHUB_ACTIONS",
	RequestURL:      "ACTIONS_ID_TOKEN_REQUEST_URL",
	RequestToken:    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
	TenantID:        []string{"AZURE_TENANT_ID"},
	ClientID:        []string{"AZURE_CLIENT_ID"},
	ChoosesAudience: true,
	ExportFile:      "GITHUB_ENV",
	TempFolder:      "RUNNER_TEMP",
	JobProcess:      "Runner.Worker",
	Tracking:        "RUNNER_TRACKING_ID",
	StatusPage:      "https://www.githubstatus.com",
	Setup:           githubPermission,
	remedies: map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL":   githubPermission,
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": githubPermission,
	},
	SummaryFile: "GITHUB_STEP_SUMMARY",
	// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message
	failure: commandForm{start: "::error title=azoidc::", escape: githubData},
	warning: commandForm{start: "::warning title=azoidc::", escape: githubData},
	mask: commandForm{
		// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#masking-a-value-in-a-log
		start:  "::add-mask::",
		escape: githubData,
	},
	export: githubBlock,
}

const githubPermission = "in a GitHub Actions job, add 'permissions: id-token: write' to the workflow or the job " +
	"(a pull request from a fork never gets it); a container or another user's process needs the variables passed on"
