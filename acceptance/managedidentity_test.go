package acceptance_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// The times of a job that outlives its OIDC tokens by far. A token is renewed when three quarters of its life are over,
// so what a client is given has 2 seconds left, for its way to the service.
const (
	assertionLife = 3 * time.Second
	tokenLife     = 8 * time.Second
	jobLength     = 30 * time.Second
	askEvery      = 500 * time.Millisecond
)

// TestManagedIdentity runs clients that others wrote under azoidc exec, which serves them as a managed identity's
// endpoint does. All ask for tokens again and again, at the same time, and have each accepted by a service. A client has
// a cloud of its own, and is a process of its own, because the caches of some are global. The log is the table of what
// was done.
func TestManagedIdentity(t *testing.T) {
	if name := os.Getenv(clientVariable); name != "" {
		actAsManagedClient(t, name)
		return
	}
	azoidc, kubelogin := buildAzoidc(t), kubeloginProgram(t)
	jobs := make([]*managedJob, len(managedClients))
	for i, client := range managedClients {
		jobs[i] = startManagedJob(t, azoidc, kubelogin, client)
	}
	var table strings.Builder
	row := func(columns ...any) {
		fmt.Fprintf(&table, "%-50s %-16s %-9v %7v %9v %10v %6v\n", columns...)
	}
	row("client", "source", "result", "tokens", "different", "exchanges", "OIDC")
	for _, job := range jobs {
		t.Run(job.client.name+"/"+job.client.source, func(t *testing.T) {
			result := "failed"
			defer func() {
				oidc, exchanges, _ := counts(job.server)
				row(job.client.name, job.client.source, result, len(job.accepted), job.different(), exchanges, oidc)
			}()
			require.NoError(t, job.wait())
			requireOutlived(t, job)
			result = "accepted"
		})
	}
	t.Logf("%s of tokens every %s; an OIDC token lives %s, an access token %s:\n%s", jobLength, askEvery, assertionLife, tokenLife, &table)
}

// requireOutlived wants the job's client to have had tokens for many lives of an OIDC token, from few exchanges.
func requireOutlived(t *testing.T, job *managedJob) {
	t.Helper()
	require.NotEmpty(t, job.accepted)
	first, last := job.accepted[0].at, job.accepted[len(job.accepted)-1].at
	require.Greater(t, last.Sub(first), 8*assertionLife)
	require.Greater(t, job.different(), int(jobLength/tokenLife))
	oidc, exchanges, _ := counts(job.server)
	require.LessOrEqual(t, exchanges, oidc, "a new OIDC token for every exchange")
	if !job.client.exchanges {
		require.Equal(t, exchanges, oidc)
		// Of each identity.
		require.LessOrEqual(t, exchanges, (1+len(job.client.flags)/2)*(1+int(last.Sub(first)/(tokenLife/2))), "the clients share what the cache holds")
	}
	for _, request := range job.server.Requests(azoidctest.EntraToken) {
		require.Equal(t, http.StatusOK, request.Status, request.Code)
	}
}
