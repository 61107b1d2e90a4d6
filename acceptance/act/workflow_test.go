//go:build linux

package act_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// A job of five steps in sh, node and another action stays signed in for four lifetimes of a token.
func TestLong(t *testing.T) {
	t.Parallel()
	j := newJob(t, "long", nil)
	j.start(nil)
	require.Eventually(t, func() bool { return len(j.taken()) > 10 }, time.Minute, 100*time.Millisecond)
	require.Empty(t, j.contains(j.tokens()...), "a token is in a file")

	err := j.wait()

	require.NoError(t, err, "%s", &j.printed)
	different := map[string]bool{}
	for _, step := range []string{"sh-1", "node-1", "uses", "sh-2", "node-2"} {
		names := map[string]bool{}
		for _, token := range j.taken() {
			require.Equal(t, "200", token.status, token.step)
			if token.step == step {
				names[token.name], different[token.name] = true, true
			}
		}
		require.NotEmpty(t, names, step)
		t.Logf("%-7s %d tokens", step, len(names))
	}
	require.GreaterOrEqual(t, len(different), 4)
	services := j.server.Requests(azoidctest.Services)
	lasted := services[len(services)-1].Time.Sub(services[0].Time)
	require.Greater(t, lasted, 4*tokenLife)
	exchanges := j.server.Requests(azoidctest.EntraToken)
	for _, exchange := range exchanges {
		require.Equal(t, 200, exchange.Status, exchange.Code)
	}
	require.Less(t, len(exchanges), int(2*lasted/tokenLife)+2, "tokens are renewed more often than they get old")
	require.Equal(t, len(exchanges), j.server.Count(azoidctest.GitHubOIDC), "each exchange has an assertion of its own")
	t.Logf("%d tokens from %d exchanges in %s, %d requests let in", len(different), len(exchanges), lasted.Round(time.Second), len(services))

	j.requireMasked()
	require.Contains(t, j.printed.String(), "Signed in as "+j.server.ClientID()+" of tenant "+j.server.TenantID())
	require.Regexp(t, `Summary - .*azoidc, signed in as <code>`+j.server.ClientID()+`</code>: \d+ tokens? acquired, \d+ refreshed, 0 refusals\.`, j.printed.String())
	j.requireNothingLeft()
}

// Two applications by one azoidc, chosen by their client IDs.
func TestTwoIdentities(t *testing.T) {
	t.Parallel()
	j := newJob(t, "identities", nil)
	other := j.registerOther()
	j.start(map[string]string{"OTHER_CLIENT": other})
	require.NoError(t, j.wait(), "%s", &j.printed)
	require.Equal(t, []any{j.server.ClientID(), other, j.server.ClientID()}, j.presented())
	j.requireMasked()
	j.requireNothingLeft()
}

// Two applications by the action twice in a job: later steps are signed in as the later one, and both azoidc are stopped.
func TestTwice(t *testing.T) {
	t.Parallel()
	j := newJob(t, "twice", nil)
	other := j.registerOther()
	j.start(map[string]string{"OTHER_CLIENT": other})
	require.NoError(t, j.wait(), "%s", &j.printed)
	require.Equal(t, []any{j.server.ClientID(), other}, j.presented())
	j.requireMasked()
	j.requireNothingLeft()
}

// registerOther returns the client ID of another application that trusts the job.
func (j *job) registerOther() string {
	other := j.server.Register("9b1f6d5e-64c1-4f4b-8a54-6f0f5be1c0aa")
	other.Trust(azoidctest.FederatedCredential{Issuer: j.github.Issuer, Subject: j.github.Subject, Audience: j.github.Audience})
	return other.ClientID()
}

// presented are the applications whose tokens the service let in, in order.
func (j *job) presented() (clients []any) {
	for _, request := range j.server.Requests(azoidctest.Services) {
		require.Equal(j.t, 200, request.Status)
		clients = append(clients, request.AccessToken.All["appid"])
	}
	return clients
}

// An application that doesn't trust the job: the step fails with what the federated identity credential must hold.
func TestRefused(t *testing.T) {
	t.Parallel()
	j := newJob(t, "refused", &azoidctest.GitHubJobOptions{Untrusted: true})
	j.server.Application().Trust(azoidctest.FederatedCredential{Issuer: j.github.Issuer, Subject: j.github.Subject + "s", Audience: j.github.Audience})
	j.start(nil)
	require.Error(t, j.wait())
	printed := j.printed.String()
	require.Regexp(t, "::error::.*AADSTS700213", printed)
	require.Contains(t, printed, j.github.Subject)
	require.Contains(t, printed, "federated-credential create", "the doctor's remedy")
	require.Contains(t, printed, "Run Post ./")
	require.Empty(t, j.address, "a step ran after the refusal")
	j.requireNoSecrets()
	j.requireNothingLeft()
}

// A later step that fails doesn't keep post from its work.
func TestFailing(t *testing.T) {
	t.Parallel()
	j := newJob(t, "failing", nil)
	j.start(nil)
	require.Error(t, j.wait())
	require.Len(t, j.taken(), 1, "%s", &j.printed)
	require.Contains(t, j.printed.String(), "1 token acquired")
	j.requireMasked()
	j.requireNothingLeft()
}

// A job that is cancelled in the middle of a step leaves nothing either.
func TestCancelled(t *testing.T) {
	t.Parallel()
	j := newJob(t, "cancelled", nil)
	j.start(nil)
	require.Eventually(t, func() bool { _, err := os.Stat(j.path("endpoint")); return err == nil }, time.Minute, 50*time.Millisecond, "%s", &j.printed)
	require.NotEmpty(t, j.running())
	require.NoError(t, j.command.Process.Signal(os.Interrupt))
	require.Error(t, j.wait())
	require.Len(t, j.taken(), 1)
	j.requireNoSecrets()
	j.requireNothingLeft()
}

// A runner that is killed runs no post. azoidc sees that it has gone.
func TestKilled(t *testing.T) {
	t.Parallel()
	j := newJob(t, "cancelled", nil)
	j.start(nil)
	require.Eventually(t, func() bool { _, err := os.Stat(j.path("endpoint")); return err == nil }, time.Minute, 50*time.Millisecond, "%s", &j.printed)
	require.NotEmpty(t, j.running())
	require.NoError(t, j.command.Process.Kill())
	require.Error(t, j.wait())
	require.NotContains(t, j.printed.String(), "Run Post ./")
	require.Eventually(t, func() bool { return len(j.running()) == 0 }, 20*time.Second, 100*time.Millisecond)
	j.requireNothingLeft()
}

// requireMasked is for jobs whose steps print the endpoint's secret.
func (j *job) requireMasked() {
	require.Contains(j.t, j.printed.String(), "a careless step prints ***")
	j.requireNoSecrets()
}

// requireNoSecrets looks for each secret of the job in its log, and in every file that it leaves.
func (j *job) requireNoSecrets() {
	secrets := append(j.tokens(), j.github.RequestToken)
	require.Greater(j.t, len(secrets), 1)
	if j.address != "" {
		require.Len(j.t, j.secrets, 3, "the header's, the address', and azd's")
		secrets = append(secrets, j.secrets...)
	}
	for _, secret := range secrets {
		require.NotContains(j.t, j.printed.String(), secret)
	}
	require.Empty(j.t, j.contains(secrets...))
	j.t.Logf("none of %d secrets is in the log or in a file", len(secrets))
}

// requireNothingLeft wants no process, and nobody who takes the job's secret where its azoidc was. Others may have the port by
// then.
func (j *job) requireNothingLeft() {
	require.Empty(j.t, j.running())
	if j.address == "" {
		return
	}
	request, err := http.NewRequestWithContext(j.t.Context(), http.MethodGet, j.address+"?api-version=2019-08-01&resource="+resource, nil)
	require.NoError(j.t, err)
	request.Header.Set("X-IDENTITY-HEADER", j.secrets[0])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	require.NotEqual(j.t, http.StatusOK, response.StatusCode)
}

// running are the processes of this job's azoidc.
func (j *job) running() (found []string) {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(j.t, err)
	for _, link := range links {
		if program, err := os.Readlink(link); err == nil && program == j.path("azoidc") { // others' can't be read, or end meanwhile
			found = append(found, link)
		}
	}
	return found
}
