package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/golden"
	"github.com/azoidc/azoidc/internal/testbed"
)

func diagnose(t *testing.T, p *program, args ...string) (login.Diagnosis, result) {
	t.Helper()
	r := run(t, p, append([]string{"doctor", "-o", "json"}, args...)...)
	var d login.Diagnosis
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &d), r.stdout)
	require.Empty(t, r.stderr)
	require.Equal(t, d.Well, r.status == exitWell)
	return d, r
}

func resultOf(t *testing.T, d login.Diagnosis, name string) login.Step {
	t.Helper()
	for _, s := range d.Steps {
		if strings.HasPrefix(s.Name, name) {
			return s
		}
	}
	require.Fail(t, "no step", name)
	return login.Step{}
}

// A patient is a job that doctor looks at, and what is wrong with it.
type patient struct {
	name    string
	change  map[string]string // of the environment; "" takes a variable away
	job     func(*azoidctest.GitHubJobOptions, *azoidctest.PipelinesJobOptions)
	trouble func(*azoidctest.Cloud)
	ended   bool          // the request token
	ahead   time.Duration // the servers' clocks
	args    []string
	well    bool
}

// jobs make a patient's job in each system, with its environment.
var jobs = []struct {
	system, requestToken string
	macro                map[string]string
	last                 patient
	make                 func(*azoidctest.Cloud, patient) (env map[string]string, end func())
}{
	{"github-actions", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", map[string]string{"AZURE_CLIENT_ID": "${{ secrets.AZURE_CLIENT_ID }}"},
		patient{name: "10. the client ID is a name", change: map[string]string{"AZURE_CLIENT_ID": "my-application"}},
		func(cloud *azoidctest.Cloud, p patient) (map[string]string, func()) {
			options := &azoidctest.GitHubJobOptions{Environment: "production"}
			if p.job != nil {
				p.job(options, &azoidctest.PipelinesJobOptions{})
			}
			job := cloud.GitHubJob(options)
			return without(job.Env(), "AZURE_AUTHORITY_HOST"), job.ExpireRequestToken
		}},
	{"azure-pipelines", "SYSTEM_ACCESSTOKEN", map[string]string{"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"},
		patient{name: "10. the service connection is of the kind that retires", well: true,
			job: func(_ *azoidctest.GitHubJobOptions, p *azoidctest.PipelinesJobOptions) {
				p.Kind = azoidctest.OlderConnection
			}},
		func(cloud *azoidctest.Cloud, p patient) (map[string]string, func()) {
			options := &azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection, ServiceConnectionID: "5e31c9a0-0000-4000-8000-000000000001"}
			if p.job != nil {
				p.job(&azoidctest.GitHubJobOptions{}, options)
			}
			job := cloud.PipelinesJob(options)
			return without(job.Env(), "AZURE_TENANT_ID", "AZURE_CLIENT_ID"), job.ExpireRequestToken
		}},
}

// TestGoldenDoctor is what doctor prints in each system, in a job that is set up well and in ten that aren't. What it
// tells the job is at the end of each: annotations, and the summary in Markdown for two of them.
func TestGoldenDoctor(t *testing.T) {
	testbed.NotShort(t, "examines every patient")
	t.Parallel()
	for _, job := range jobs {
		t.Run(job.system, func(t *testing.T) {
			patients := []patient{
				{name: "set up well", well: true},
				{name: "set up well, asked with the token, too", well: true, args: []string{"-probe", "-scope", "https://management.azure.com/.default", "-scope", "https://graph.microsoft.com/.default"}},
				{name: "1. the job may not request tokens", change: map[string]string{job.requestToken: "", "ACTIONS_ID_TOKEN_REQUEST_URL": ""}},
				{name: "2. no application is named", change: map[string]string{"AZURE_CLIENT_ID": "", "AZURE_TENANT_ID": "", "AZURESUBSCRIPTION_CLIENT_ID": "", "AZURESUBSCRIPTION_TENANT_ID": ""}},
				{name: "3. a macro wasn't expanded", change: job.macro},
				{name: "4. the request token has ended", ended: true},
				{name: "5. the application trusts nobody", job: func(g *azoidctest.GitHubJobOptions, p *azoidctest.PipelinesJobOptions) {
					g.Untrusted, g.ImmutableSubject, p.Untrusted = true, true, true
				}},
				{name: "6. the tenant is another one", args: []string{"-tenant-id", "99999999-0000-0000-0000-000000000000"}},
				{name: "7. this machine's clock is slow", ahead: 4 * time.Minute},
				{name: "8. Entra can't be reached", trouble: func(cloud *azoidctest.Cloud) {
					cloud.Fail(azoidctest.EntraOpenIDConfiguration, azoidctest.Drop())
					cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
				}},
				{name: "9. the application has no role", well: true, args: []string{"-probe"}, trouble: func(cloud *azoidctest.Cloud) {
					cloud.Handle("management.azure.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"value":[]}`) }))
				}},
				job.last,
			}
			var text strings.Builder
			for i, p := range patients {
				summary := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					cloud := newCloud(&azoidctest.Options{AccessTokenLifetime: time.Hour})
					env, end := job.make(cloud, p)
					for name, value := range p.change {
						if _, there := env[name]; there {
							env[name] = value
						}
					}
					env["GITHUB_STEP_SUMMARY"], env["AGENT_TEMPDIRECTORY"] = filepath.Join(summary, "summary.md"), summary
					if p.ended {
						end()
					}
					if p.trouble != nil {
						p.trouble(cloud)
					}
					program := inJob(cloud, env)
					program.client.Transport = shifted{cloud, p.ahead}
					r := run(t, program, append([]string{"doctor"}, p.args...)...)
					require.Empty(t, r.stderr)
					secret := without(env, slices.Collect(maps.Keys(p.change))...)
					requireNoSecret(t, cloud, secret, r.stdout)
					require.Equal(t, p.well, r.status == exitWell, "%s: %s", p.name, r.stdout)
					fmt.Fprintf(&text, "======== %s ========\n\n%s\n", p.name, steady(cloud, summary, r.stdout))
					markdown := summaryIn(t, summary)
					requireNoSecret(t, cloud, secret, markdown)
					require.Contains(t, markdown, "## azoidc doctor: ")
					if i == 0 || i == 6 {
						fmt.Fprintf(&text, "-------- in the summary --------\n\n%s\n", steady(cloud, summary, markdown))
					}
				})
			}
			golden.Require(t, "doctor-"+job.system+".golden", text.String())
		})
	}
}

func summaryIn(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.md"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	return string(content)
}

var (
	randomID   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	randomFile = regexp.MustCompile(`azoidc doctor \d+\.md`)
	randomTime = regexp.MustCompile(`(issued|expires) 2000-01-01T\d\d:\d\d:\d\dZ|\d+ ms|lives for 24h\S+`)
	eid        = regexp.MustCompile(`(eid1[-/]c[-/]pub[-/]t[-/])[A-Za-z0-9_-]+?([-/]a[-/])[A-Za-z0-9_-]+?([-/]sc[-/])`)
	hash       = regexp.MustCompile(`-[0-9a-f]{8}\b`)
)

// steady takes out of a report what is another at each run.
func steady(cloud *azoidctest.Cloud, folder, text string) string {
	text = strings.NewReplacer(cloud.TenantID(), "TENANT", cloud.ClientID(), "CLIENT", cloud.SubscriptionID(), "SUBSCRIPTION", folder+string(filepath.Separator), "").Replace(text)
	text = eid.ReplaceAllString(text, "${1}TENANT64${2}CLIENT64${3}")
	text = hash.ReplaceAllString(randomID.ReplaceAllString(text, "GUID"), "-HASH")
	text = randomFile.ReplaceAllString(text, "FILE.md")
	return randomTime.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasSuffix(found, "ms") {
			return "N ms"
		}
		return strings.Fields(found)[0] + " TIME"
	})
}

func TestDoctorJSON(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	job := cloud.PipelinesJob(nil)
	d, r := diagnose(t, inJob(cloud, job.Env()), "-scope", vaultScope, "-scope", "https://storage.azure.com/.default")
	require.True(t, d.Well)
	require.Equal(t, "Azure Pipelines", d.CI)
	require.Equal(t, job.Issuer, d.Identity.Issuer)
	require.Equal(t, job.Subject, d.Identity.Subject)
	require.Equal(t, []string{job.Audience}, d.Identity.Audience)
	require.Equal(t, job.Issuer, d.Federated.Issuer)
	require.Len(t, d.Steps, 10)
	require.Zero(t, *d.ClockOffset)
	requireNoSecret(t, cloud, job.Env(), r.stdout)
}

// The values that doctor prints are those that make Entra trust the job.
func TestDoctorToldWhatToCreate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(nil)
		job := cloud.GitHubJob(&azoidctest.GitHubJobOptions{Untrusted: true, Ref: "refs/heads/it's"})
		p := inJob(cloud, job.Env())
		d, _ := diagnose(t, p)
		require.False(t, d.Well)
		require.Contains(t, d.Verdict, "access token for")
		refused := resultOf(t, d, "access token")
		require.Equal(t, login.ResultFailed, refused.Result)
		require.Contains(t, refused.Detail, "AADSTS70")
		require.Len(t, d.Federated.Commands, 2)

		cloud.Application().Trust(azoidctest.FederatedCredential{
			Issuer: d.Federated.Issuer, Subject: d.Federated.Subject, Audience: d.Federated.Audience,
		})

		d, _ = diagnose(t, p)
		require.True(t, d.Well)
		require.Empty(t, d.Federated.Commands, "there is one")
	})
}

// Whatever fails, all steps are reported, and no secret.
func TestDoctorRunsToTheEnd(t *testing.T) {
	testbed.NotShort(t, "examines every patient")
	t.Parallel()
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
			want:    map[string]string{"settings": "failed", "OIDC": "skipped", "Microsoft": "skipped", "access": "skipped", "clock": "ok"},
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
			want:   map[string]string{"settings": "failed", "access": "skipped"},
			detail: "what -tenant-id holds (6 characters) is no tenant ID",
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
				cloud := newCloud(test.options)
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
				require.GreaterOrEqual(t, len(d.Steps), 6)
				for name, want := range test.want {
					require.Equal(t, want, resultOf(t, d, name).Result, name)
				}
				for _, s := range d.Steps {
					if s.Result == login.ResultFailed {
						require.Contains(t, s.Detail, test.detail)
						break
					}
				}
			})
		})
	}
}

func TestDoctorFindsAWrongClock(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ahead time.Duration // the servers' clocks
		want  string
		well  bool
	}{
		"slow":          {10 * time.Minute, "behind the server's: set it", false},
		"fast":          {-10 * time.Minute, "ahead of the server's: set it", false},
		"a little slow": {30 * time.Second, "behind the server's", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newCloud(nil)
				job := cloud.GitHubJob(nil)
				p := inJob(cloud, job.Env())
				p.client.Transport = shifted{cloud, test.ahead}
				d, _ := diagnose(t, p)
				require.Equal(t, test.well, d.Well)
				require.Contains(t, resultOf(t, d, "clock").Detail, test.want)
				require.InDelta(t, test.ahead.Seconds(), *d.ClockOffset, 1)
			})
		})
	}
}

// shifted is a cloud whose clocks are ahead.
type shifted struct {
	cloud *azoidctest.Cloud
	ahead time.Duration
}

func (s shifted) Do(r *http.Request) (*http.Response, error) {
	response, err := s.cloud.Do(r)
	if err == nil {
		response.Header.Set("Date", time.Now().Add(s.ahead).UTC().Format(http.TimeFormat))
	}
	return response, err
}

// TestTheSummaryIsAppendedTo: other steps have written there.
func TestTheSummaryIsAppendedTo(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	path := filepath.Join(t.TempDir(), "summary.md")
	require.NoError(t, os.WriteFile(path, []byte("before\n"), 0o600))
	env := with(cloud.GitHubJob(nil).Env(), "GITHUB_STEP_SUMMARY", path)
	require.Equal(t, exitWell, run(t, inJob(cloud, env), "doctor").status)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Regexp(t, `^before\n## azoidc doctor: GitHub Actions\n`, string(content))
}

func TestOnlyTheTextIsForTheJob(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"json", "markdown"} {
		cloud := newCloud(nil)
		folder := t.TempDir()
		env := with(with(cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{Untrusted: true}).Env(), "AGENT_TEMPDIRECTORY", folder), "AZURE_CLIENT_ID", "")
		r := run(t, inJob(cloud, env), "doctor", "-o", form)
		require.Equal(t, exitNotWell, r.status)
		require.NotContains(t, r.stdout, "##vso[")
		files, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, files)
	}
}

func TestASummaryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	nowhere := filepath.Join(t.TempDir(), "no", "such", "folder")
	github := run(t, inJob(cloud, with(cloud.GitHubJob(nil).Env(), "GITHUB_STEP_SUMMARY", nowhere)), "doctor")
	require.Equal(t, exitNotWell, github.status)
	require.Contains(t, github.stderr, "the job's summary")
	pipelines := run(t, inJob(cloud, with(cloud.PipelinesJob(nil).Env(), "AGENT_TEMPDIRECTORY", nowhere)), "doctor")
	require.Equal(t, exitNotWell, pipelines.status)
	require.Contains(t, pipelines.stderr, "the run's summary")
}
