package guides_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/acceptance/internal/markdown"
	"github.com/azoidc/azoidc/azoidctest"
)

// A script is what a page's shell runs in.
type script func(j *job, blocks []markdown.Block)

// scripts are the pages whose shell runs here, from top to bottom.
var scripts = map[string]script{
	"README.md":                runReadme,
	"docs/whole-job.md":        runWholeJob,
	"docs/terraform.md":        runTerraform,
	"docs/aks.md":              runKubernetes,
	"docs/acr.md":              runRegistry,
	"docs/azd.md":              runAll,
	"docs/azure-powershell.md": runPowerShell,
	"docs/several-tenants.md":  runSeveralTenants,
}

// TestShell runs the commands of the guides, as they are there.
func TestShell(t *testing.T) {
	for page, run := range scripts {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.createGroup("my-group")
			before := j.cloud.Count(azoidctest.EntraToken)
			run(j, blocks(t, page))
			require.Greater(t, j.cloud.Count(azoidctest.EntraToken), before, "nothing signed in")
			for _, request := range j.cloud.Requests(azoidctest.EntraToken) {
				require.Equal(t, http.StatusOK, request.Status)
			}
		})
	}
}

// sh runs a piece of shell and returns what it prints.
func (j *job) sh(text string) string {
	j.t.Helper()
	printed, err := j.run("bash", "-euo", "pipefail", "-c", text)
	require.NoError(j.t, err, "%s\n%s", text, printed)
	return printed
}

// shell are the texts of the blocks in shell.
func shell(blocks []markdown.Block) []string {
	var texts []string
	for _, b := range blocks {
		if b.Language == "sh" {
			texts = append(texts, b.Text)
		}
	}
	return texts
}

func runAll(j *job, blocks []markdown.Block) {
	for _, text := range shell(blocks) {
		j.sh(text)
	}
}

// listGroups is a deploy.sh that signs in by whatever the variables name.
const listGroups = "#!/bin/sh\nexec terraform apply\n"

func (j *job) forTerraform() {
	j.env["ARM_TENANT_ID"], j.env["ARM_SUBSCRIPTION_ID"] = j.cloud.TenantID(), j.cloud.SubscriptionID()
}

// The README's shell is the demonstration, the tests (both are steps of .ci/run), the set-up, the command, and its deploy.sh.
func runReadme(j *job, blocks []markdown.Block) {
	texts := shell(blocks)
	require.Len(j.t, texts, 5)
	steps := read(j.t, ".ci/run")
	for _, text := range texts[:2] {
		require.Contains(j.t, steps, strings.TrimSpace(text))
	}

	newcomer := j.cloud.GitHubJob(&azoidctest.GitHubJobOptions{
		Issuer: "https://token.actions.githubusercontent.com", Repository: "my-org/my-repository", Untrusted: true,
	})
	for name, value := range newcomer.Env() {
		if name != "AZURE_AUTHORITY_HOST" && name != "GITHUB_ACTIONS" {
			j.env[name] = value
		}
	}
	said, err := j.run("bash", "-c", "azoidc doctor")
	require.Error(j.t, err, "the application trusts the repository before the set-up")
	require.Contains(j.t, said, "az ad app federated-credential create")
	j.cloud.Reset()
	j.serveTrust()
	j.sh(texts[2])

	j.forTerraform()
	j.script("work/deploy.sh", "#!/bin/bash\nset -e\n"+texts[4])
	for line := range strings.Lines(texts[3]) { // each by itself: start takes the job's request token out of its shell
		j.sh(line)
	}
	j.sh("azoidc stop")
	require.GreaterOrEqual(j.t, j.cloud.Service("https://management.azure.com").Hits(), 3)
}

// PowerShell's block is what the test of start runs with pwsh, where that is installed.
func runWholeJob(j *job, blocks []markdown.Block) {
	texts := shell(blocks)
	require.Len(j.t, texts, 1)
	printed := j.sh(texts[0] + "az group list\nazoidc status\nazoidc stop\n")
	require.Contains(j.t, printed, "my-group")
	if pwsh, err := exec.LookPath("pwsh"); err == nil {
		for _, b := range blocks {
			if b.Language == "powershell" {
				printed, err := j.run(pwsh, "-NonInteractive", "-Command", b.Text+"\n$env:IDENTITY_ENDPOINT\nazoidc stop\n")
				require.NoError(j.t, err, "%s", printed)
				require.Contains(j.t, printed, "http://127.0.0.1")
			}
		}
	}
}

func runTerraform(j *job, blocks []markdown.Block) {
	j.trust(hubClient)
	j.trust(spokeClient)
	j.cloud.Service("https://storage.azure.com").Handle(document(`{}`))
	j.forTerraform()
	j.script("work/deploy.sh", listGroups)
	ids := strings.NewReplacer("HUB_CLIENT_ID", hubClient, "SPOKE_CLIENT_ID", spokeClient, "SPOKE_TENANT_ID", j.cloud.TenantID())
	for _, text := range shell(blocks) {
		j.sh(ids.Replace(text))
	}
}

func runKubernetes(j *job, blocks []markdown.Block) {
	if _, err := exec.LookPath("kubectl"); err != nil {
		j.t.Skip("kubectl isn't installed")
	}
	cluster := serveCluster(j.cloud.Cloud)
	j.trust(hubClient)
	j.env["KUBECONFIG"] = filepath.Join(j.env["HOME"], ".kube", "config")
	texts := shell(blocks)
	j.file("work/chart/Chart.yaml", "apiVersion: v2\nname: my-app\nversion: 0.1.0\n")
	j.script("work/deploy.sh", "#!/bin/bash\nset -e\n"+texts[0])
	for _, text := range texts[1:] {
		before := cluster.Hits()
		j.sh(strings.ReplaceAll(text, "HUB_CLIENT_ID", hubClient))
		require.Greater(j.t, cluster.Hits(), before, "%s", text)
	}
	require.Zero(j.t, cluster.Refusals())
}

func runRegistry(j *job, blocks []markdown.Block) {
	registry := serveRegistry(j.cloud.Cloud, "octo.azurecr.io")
	texts := shell(blocks)
	for _, text := range texts {
		before := registry.entra.Hits()
		j.sh(text)
		require.Greater(j.t, registry.entra.Hits(), before, "%s", text)
	}
	require.NotZero(j.t, registry.pushes.Load())
	kept, err := os.ReadFile(filepath.Join(j.env["HOME"], ".docker", "config.json"))
	require.NoError(j.t, err)
	require.Contains(j.t, string(kept), "octo.azurecr.io")
}

// The page's PowerShell is the script that its shell runs.
func runPowerShell(j *job, blocks []markdown.Block) {
	j.trust(hubClient)
	j.env["HUB_CLIENT_ID"] = hubClient
	for _, b := range blocks {
		if b.Language == "powershell" {
			j.file("work/deploy.ps1", b.Text)
		}
		if b.Language == "sh" {
			before := j.cloud.Service("https://management.azure.com").Hits()
			j.sh(b.Text)
			require.Greater(j.t, j.cloud.Service("https://management.azure.com").Hits(), before)
		}
	}
}

func runSeveralTenants(j *job, blocks []markdown.Block) {
	*j = *newJobOfTwoTenants(j.t)
	j.createGroup("my-group")
	j.cloud.GitHubJob(&azoidctest.GitHubJobOptions{Audience: "api://AzureADTokenExchangeUSGov", Application: j.cloud.Register(governmentClient)})
	j.script("work/deploy.sh", `#!/bin/sh
present -managed https://vault.azure.net 'https://my-vault.vault.azure.net/secrets?api-version=7.5' `+customerClient+"\n")
	ids := strings.NewReplacer("CUSTOMER_CLIENT_ID", customerClient, "CUSTOMER_TENANT_ID", customerTenant)
	texts := shell(blocks)
	require.Len(j.t, texts, 2)
	j.sh(ids.Replace(texts[0]))
	require.Positive(j.t, j.cloud.Service("https://vault.azure.net").Hits())
	j.env["AZURE_CLIENT_ID"] = governmentClient
	require.Contains(j.t, j.sh(texts[1]), "accessToken")
}

// trust makes another application trust the job.
func (j *job) trust(clientID string) {
	j.cloud.GitHubJob(&azoidctest.GitHubJobOptions{Application: j.cloud.Register(clientID)})
}

const (
	hubClient        = "12121212-3434-5656-7878-909090909090"
	spokeClient      = "21212121-3434-5656-7878-909090909090"
	governmentClient = "46464646-3434-5656-7878-909090909090"
)
