package main

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func diagnose(t *testing.T, p *program, args ...string) (diagnosis, result) {
	t.Helper()
	r := run(t, p, append([]string{"doctor", "-o", "json"}, args...)...)
	var d diagnosis
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &d), r.stdout)
	require.Empty(t, r.stderr)
	require.Equal(t, d.Well, r.status == exitWell)
	return d, r
}

func (d diagnosis) resultOf(t *testing.T, name string) step {
	t.Helper()
	for _, s := range d.Steps {
		if strings.HasPrefix(s.Name, name) {
			return s
		}
	}
	require.Fail(t, "no step", name)
	return step{}
}

func TestDoctorText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		cloud.SetLatency(50 * time.Millisecond)
		job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Environment: "production"})
		requestURL, err := url.Parse(job.RequestURL)
		require.NoError(t, err)
		r := run(t, inJob(cloud, job.Env()), "doctor")
		require.Equal(t, exitWell, r.status, r.stdout)
		require.Empty(t, r.stderr)
		require.Equal(t, `CI system: GitHub Actions

Settings:
  ACTIONS_ID_TOKEN_REQUEST_URL    https://HOST
  ACTIONS_ID_TOKEN_REQUEST_TOKEN  set
  AZURE_TENANT_ID                 TENANT
  AZURE_CLIENT_ID                 CLIENT
  authority host                  https://login.microsoftonline.com/

The job's identity, by its OIDC token:
  issuer      https://token.actions.githubusercontent.com
  subject     repo:octo-org/octo-repo:environment:production
  audience    api://AzureADTokenExchange
  issued      2000-01-01T00:00:00Z
  not before  1999-12-31T23:55:00Z
  ends        2000-01-01T00:05:00Z
  workflow    octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main

The application's federated identity credential must hold exactly:
  issuer    https://token.actions.githubusercontent.com
  subject   repo:octo-org/octo-repo:environment:production
  audience  api://AzureADTokenExchange

To create it:
  az ad app federated-credential create --id CLIENT --parameters '{"name":"azoidc","issuer":"https://token.actions.githubusercontent.com","subject":"repo:octo-org/octo-repo:environment:production","audiences":["api://AzureADTokenExchange"]}'

Steps:
  ok           0 ms  settings: complete
  ok          50 ms  OIDC token: from GitHub Actions, ends in 5m0s
  ok          50 ms  Microsoft Entra's configuration: issuer https://login.microsoftonline.com/TENANT/v2.0
  ok         100 ms  access token for https://management.azure.com/.default: ends in 1h0m0s
  ok           0 ms  clock: this machine's clock is in step with the server's

Verdict: all is well: this job signs in as application CLIENT in tenant TENANT.
`, strings.NewReplacer(cloud.TenantID(), "TENANT", cloud.ClientID(), "CLIENT", requestURL.Host, "HOST").Replace(r.stdout))
		requireNoSecret(t, cloud, job.Env(), r.stdout)
	})
}

func TestDoctorJSON(t *testing.T) {
	cloud := azoidctest.New(nil)
	job := cloud.PipelinesJob(nil)
	d, r := diagnose(t, inJob(cloud, job.Env()), "-scope", vaultScope, "-scope", "https://storage.azure.com/.default")
	require.True(t, d.Well)
	require.Equal(t, "Azure Pipelines", d.CI)
	require.Equal(t, job.Issuer, d.Identity.Issuer)
	require.Equal(t, job.Subject, d.Identity.Subject)
	require.Equal(t, []string{job.Audience}, d.Identity.Audience)
	require.Equal(t, job.Issuer, d.Federated.Issuer)
	require.Len(t, d.Steps, 6)
	require.Zero(t, *d.ClockOffset)
	requireNoSecret(t, cloud, job.Env(), r.stdout)
}

// The values that doctor prints are those that make Entra trust the job.
func TestDoctorToldWhatToCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true, Ref: "refs/heads/it's"})
		p := inJob(cloud, job.Env())
		d, _ := diagnose(t, p)
		require.False(t, d.Well)
		require.Contains(t, d.Verdict, "access token for")
		refused := d.resultOf(t, "access token")
		require.Equal(t, resultFailed, refused.Result)
		require.Contains(t, refused.Detail, "AADSTS70")

		cloud.Application().Trust(azoidctest.FederatedCredential{
			Issuer: d.Federated.Issuer, Subject: d.Federated.Subject, Audience: d.Federated.Audience,
		})

		d, _ = diagnose(t, p)
		require.True(t, d.Well)
	})
}

// Whatever fails, all steps are reported, and no secret.
func TestDoctorRunsToTheEnd(t *testing.T) {
	for name, test := range map[string]struct {
		options *azoidctest.Options
		trouble func(*azoidctest.Cloud, *azoidctest.GitHubJob)
		missing []string // variables
		args    []string
		want    map[string]string // step: result
		detail  string            // of the first that failed
	}{
		"outside CI": {
			missing: []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_ACTIONS", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"},
			want:    map[string]string{"settings": "failed", "OIDC": "skipped", "Microsoft": "skipped", "access": "skipped", "clock": "skipped"},
			detail:  "neither ACTIONS_ID_TOKEN_REQUEST_URL nor SYSTEM_OIDCREQUESTURI",
		},
		"no permission": {
			missing: []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"},
			want:    map[string]string{"settings": "failed", "OIDC": "skipped", "Microsoft": "ok", "access": "skipped", "clock": "ok"},
			detail:  "id-token: write",
		},
		"no application": {
			missing: []string{"AZURE_CLIENT_ID"},
			want:    map[string]string{"settings": "failed", "OIDC": "ok", "Microsoft": "ok", "access": "skipped", "clock": "ok"},
			detail:  "AZURE_CLIENT_ID",
		},
		"request token ended": {
			trouble: func(_ *azoidctest.Cloud, job *azoidctest.GitHubJob) { job.ExpireRequestToken() },
			want:    map[string]string{"settings": "ok", "OIDC": "failed", "Microsoft": "ok", "access": "skipped", "clock": "ok"},
			detail:  "HTTP 401",
		},
		"no JWT": {
			trouble: func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
				cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(200, nil, `{"value":"canary-no-jwt"}`))
			},
			want:   map[string]string{"OIDC": "failed", "access": "skipped"},
			detail: "GitHub Actions handed out something else: not a JWT",
		},
		"another tenant": {
			args:   []string{"-tenant-id", "99999999-0000-0000-0000-000000000000"},
			want:   map[string]string{"settings": "ok", "OIDC": "ok", "Microsoft": "failed", "access": "failed"},
			detail: "AADSTS90002",
		},
		"malformed tenant": {
			args:   []string{"-tenant-id", "a/../b"},
			want:   map[string]string{"access": "failed"},
			detail: "HTTP 4",
		},
		"Entra can't be reached": {
			trouble: func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
				cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.Drop())
				cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
			},
			want:   map[string]string{"OIDC": "ok", "Microsoft": "failed", "access": "failed", "clock": "ok"},
			detail: "check the network",
		},
		"something else answers": {
			trouble: func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
				cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.Status(200, nil, "<html>"))
			},
			want:   map[string]string{"Microsoft": "failed"},
			detail: "isn't Microsoft Entra",
		},
		"Entra's outage": {
			trouble: func(cloud *azoidctest.Cloud, _ *azoidctest.GitHubJob) {
				cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.Status(503, nil, ""))
			},
			want:   map[string]string{"Microsoft": "failed"},
			detail: "HTTP 503",
		},
		"one of two scopes": {
			options: &azoidctest.Options{Resources: []string{vault}},
			args:    []string{"-scope", "https://nowhere.example/.default", "-scope", vaultScope},
			want:    map[string]string{"access token for https://nowhere": "failed", "access token for https://vault": "ok"},
			detail:  "AADSTS500011",
		},
		"authority host without TLS": {
			args:   []string{"-authority-host", "http://login.microsoftonline.com"},
			want:   map[string]string{"Microsoft": "failed", "access": "failed"},
			detail: "must be an https URL",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := azoidctest.New(test.options)
				job := cloud.GitHubJob(nil)
				env := without(job.Env(), test.missing...)
				if test.trouble != nil {
					test.trouble(cloud, job)
				}
				for _, output := range []string{"text", "json"} {
					r := run(t, inJob(cloud, env), append([]string{"doctor", "-o", output}, test.args...)...)
					require.Equal(t, exitNotWell, r.status)
					requireNoSecret(t, cloud, job.Env(), r.stdout+r.stderr)
					require.NotContains(t, r.stdout, "canary")
					require.Contains(t, r.stdout, "not well: ")
				}
				d, _ := diagnose(t, inJob(cloud, env), test.args...)
				require.GreaterOrEqual(t, len(d.Steps), 5)
				for name, want := range test.want {
					require.Equal(t, want, d.resultOf(t, name).Result, name)
				}
				for _, s := range d.Steps {
					if s.Result == resultFailed {
						require.Contains(t, s.Detail, test.detail)
						break
					}
				}
			})
		})
	}
}

func TestManagementScope(t *testing.T) {
	require.Equal(t, "https://management.usgovcloudapi.net/.default", managementScope("https://login.microsoftonline.us/"))
	require.Equal(t, "https://management.chinacloudapi.cn/.default", managementScope("https://login.chinacloudapi.cn/"))
	require.Equal(t, "https://management.azure.com/.default", managementScope("https://login.microsoftonline.com/"))
}
