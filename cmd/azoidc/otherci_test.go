package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// An otherCI is a CI system as its documentation describes it: who its tokens are from, and how a job comes by them.
type otherCI struct {
	heading         string // in docs/other-ci.md
	issuer, subject string
	// provides sets up a job's environment. newToken requests a token of the system's.
	provides func(j *otherJob)
	fixed    bool // the job has one token
}

// An otherJob is a job in such a system.
type otherJob struct {
	t        *testing.T
	folder   string
	env      map[string]string
	newToken func() string
}

var otherCIs = []otherCI{
	{heading: "Buildkite", issuer: "https://agent.buildkite.com", subject: "0187f2a1-pipeline", provides: func(j *otherJob) {
		// https://buildkite.com/docs/agent/cli/reference/oidc
		j.env["BUILDKITE_JOB_ID"], j.env["BUILDKITE_AGENT_ACCESS_TOKEN"] = "job", "secret"
		j.command("buildkite-agent", []string{"oidc", "request-token", "--audience", "api://AzureADTokenExchange", "--subject-claim", "pipeline_id"},
			"BUILDKITE_AGENT_ACCESS_TOKEN")
	}},
	{heading: "CircleCI", issuer: "https://oidc.circleci.com/org/o", subject: "org/o/project/p/user/u", provides: func(j *otherJob) {
		// https://circleci.com/docs/oidc-tokens-with-custom-claims/
		j.env["CIRCLECI"] = "true"
		j.command("circleci", []string{"run", "oidc", "get", "--claims", `{"aud": "api://AzureADTokenExchange"}`}, "CIRCLECI")
	}},
	{heading: "GitLab", issuer: "https://gitlab.com", subject: "project_path:octo/repo:ref_type:branch:ref:main", fixed: true,
		provides: func(j *otherJob) { j.env["GITLAB_CI"], j.env["AZURE_ID_TOKEN"] = "true", j.newToken() }},
	{heading: "Bitbucket", issuer: "https://api.bitbucket.org/2.0/workspaces/w/pipelines-config/identity/oidc", subject: "{repository}:{step}", fixed: true,
		provides: func(j *otherJob) { j.env["BITBUCKET_STEP_OIDC_TOKEN"] = j.newToken() }},
	{heading: "HCP Terraform", issuer: "https://app.terraform.io", subject: "organization:o:project:p:workspace:w:run_phase:apply", fixed: true,
		provides: func(j *otherJob) { j.env["TFC_WORKLOAD_IDENTITY_TOKEN"] = j.newToken() }},
	{heading: "Spacelift", issuer: "https://octo.app.spacelift.io", subject: "space:s:stack:k:run_type:TRACKED:scope:write", fixed: true,
		provides: func(j *otherJob) { j.file("mnt/workspace/spacelift.oidc", j.newToken()) }},
	{heading: "Kubernetes", issuer: "https://oidc.prod-aks.azure.com/guid", subject: "system:serviceaccount:ci:runner", provides: func(j *otherJob) {
		path := j.file("var/run/secrets/azure/tokens/azure-identity-token", j.newToken())
		j.env["AZURE_FEDERATED_TOKEN_FILE"] = path
		j.t.Cleanup(untilStopped(func(ctx context.Context) { // the kubelet
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(200 * time.Millisecond):
					_ = os.WriteFile(path+".next", []byte(j.newToken()), 0o600) // who reads the file notices
					_ = os.Rename(path+".next", path)
				}
			}
		}))
	}},
	{heading: "Forgejo, Gitea", issuer: "https://forgejo.example/api/actions", subject: "repo:octo/repo:ref:refs/heads/main", provides: func(j *otherJob) {
		// https://forgejo.org/docs/next/user/actions/security-openid-connect
		j.env["GITHUB_ACTIONS"] = "true"
		j.env["ACTIONS_ID_TOKEN_REQUEST_URL"], j.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = j.env[issueURL], j.env[issueToken]
	}},
}

// issueURL and issueToken are where the stand-ins get their tokens from, and selfVariable names this program.
const issueURL, issueToken, selfVariable = "AZOIDC_TEST_ISSUE_URL", "AZOIDC_TEST_ISSUE_TOKEN", "AZOIDC_TEST_SELF"

// TestOtherCISystems runs the command lines of docs/other-ci.md, as they are there. The jobs outlive their access tokens, and
// in the systems that hand out new OIDC tokens they present one each time.
func TestOtherCISystems(t *testing.T) {
	t.Parallel()
	requireBinary(t)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	lines := otherCILines(t)
	require.Len(t, lines, len(otherCIs))
	for _, system := range otherCIs {
		t.Run(system.heading, func(t *testing.T) {
			t.Parallel()
			cloud := shortLived(t)
			issued := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Issuer: system.issuer, Subject: system.subject})
			j := newOtherJob(t, cloud, issued)
			system.provides(j)
			service := cloud.Service(vault)
			j.env[serviceVariable], j.env[tokensVariable] = service.URL, "2"
			line := strings.ReplaceAll(lines[system.heading], "/mnt/workspace", "mnt/workspace") // the job runs in its folder
			if system.fixed {
				line = strings.ReplaceAll(line, "https://management.azure.com/.default", vaultScope)
			}

			p := inProcess(t, cloud, j.env, "")
			p.cmd.Path, p.cmd.Args, p.cmd.Dir = sh, []string{"sh", "-c", line}, j.folder
			status, stdout := p.run()

			require.Zero(t, status, "%s\n%s\n%s", line, stdout, p.stderr)
			for _, request := range cloud.Requests(azoidctest.EntraToken) {
				require.Equal(t, system.issuer, request.Assertion.Issuer)
				require.Equal(t, system.subject, request.Assertion.Subject)
			}
			presented := assertionsIn(cloud)
			require.Equal(t, system.fixed, presented[0] == presented[len(presented)-1], "a new one each time")
		})
	}
}

// otherCILines are the command lines, by the headings that they are under.
func otherCILines(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/other-ci.md")
	require.NoError(t, err)
	lines := map[string]string{}
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		heading, _, _ := strings.Cut(section, "\n")
		blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)\n```").FindAllStringSubmatch(section, -1)
		require.Len(t, blocks, 1, heading)
		lines[heading] = blocks[0][1]
		if _, yaml, ok := strings.Cut(section, "```yaml\n"); ok && strings.Contains(yaml, "azoidc exec") {
			require.Contains(t, yaml, "- "+lines[heading]+"\n", "the line in YAML is the one that is run")
		}
	}
	return lines
}

func newOtherJob(t *testing.T, cloud *azoidctest.Server, issued *azoidctest.GitHubJob) *otherJob {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	request := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: issued.RequestURL, RequestToken: issued.RequestToken,
	})
	j := &otherJob{t: t, folder: t.TempDir(), newToken: func() string {
		jwt, err := request(t.Context())
		if err != nil { // the test has ended
			return ""
		}
		return jwt
	}}
	j.env = map[string]string{
		"CI": "true", "AZURE_TENANT_ID": cloud.TenantID(), "AZURE_CLIENT_ID": cloud.ClientID(),
		"AZURE_AUTHORITY_HOST": cloud.Configuration().ActiveDirectoryAuthorityHost,
		"PATH":                 filepath.Join(j.folder, "bin") + string(filepath.ListSeparator) + filepath.Dir(binary) + string(filepath.ListSeparator) + os.Getenv("PATH"),
		issueURL:               issued.RequestURL, issueToken: issued.RequestToken, selfVariable: self,
	}
	j.script("deploy.sh", as("deploy"))
	return j
}

func (j *otherJob) file(name, content string) (path string) {
	j.t.Helper()
	path = filepath.Join(j.folder, name)
	require.NoError(j.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(j.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (j *otherJob) script(name, line string) {
	j.t.Helper()
	syscall.ForkLock.RLock() // a process that another test starts meanwhile would have the file open, and nobody could run it
	defer syscall.ForkLock.RUnlock()
	path := j.file(name, "#!/bin/sh\n"+line+"\n")
	require.NoError(j.t, os.Chmod(path, 0o700)) //nolint:gosec // it's to be run
}

// command is a stand-in for a system's own program, that prints a new token when it's called with these arguments, in a job.
func (j *otherJob) command(name string, args []string, needs string) {
	j.t.Helper()
	var check strings.Builder
	fmt.Fprintf(&check, "[ $# = %d ]", len(args))
	for i, arg := range args {
		fmt.Fprintf(&check, " && [ \"${%d}\" = '%s' ]", i+1, arg)
	}
	j.script("bin/"+name, check.String()+` && [ -n "$`+needs+`" ] || { echo "$0: wrong usage: $*" >&2; exit 1; }
`+as("issue"))
}

// as is the line by which a script becomes this program in a role.
func as(role string) string {
	return roleVariable + "=" + role + ` exec "$` + selfVariable + `"`
}

func TestOtherCIsAreInTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/other-ci.md")
	require.NoError(t, err)
	for _, system := range otherCIs {
		anchor := strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(system.heading))
		row := "| [" + system.heading + "](#" + anchor + ") | "
		i := strings.Index(string(page), row)
		require.Positive(t, i, row)
		kind := "new"
		if system.fixed {
			kind = "fixed"
		}
		require.True(t, strings.HasPrefix(string(page[i+len(row):]), kind), row)
	}
	require.True(t, slices.ContainsFunc(otherCIs, func(o otherCI) bool { return o.fixed }))
}
