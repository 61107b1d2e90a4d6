package acceptance_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// kubernetes is the resource that every peer can ask for: kubelogin knows none but IDs, this is the one of AKS.
const kubernetes = "6dae42f8-4368-4678-94ff-3960e28e3630"

// A peer is a program or library that gets access tokens in CI, this library among them.
type peer struct {
	name, source string
	// open makes the peer's credential for a job on the server, or finds its program.
	open func(t *testing.T, server *azoidctest.Server) getToken
	// program: it can't be asked for several tokens at once, and the time is that of its start too.
	program bool
}

type getToken func(ctx context.Context, scope string) (string, error)

const (
	gitHub    = "GitHub"
	pipelines = "Azure Pipelines"
	file      = "file"
)

var peers = []peer{
	{name: "azoidc GitHubActionsCredential", source: gitHub, open: openOurs(newGitHub)},
	{name: "azoidc AzurePipelinesCredential", source: pipelines, open: openOurs(newPipelines)},
	{name: "azoidc AssertionCredential", source: file, open: openFileAssertion},
	{name: "azidentity ClientAssertionCredential", source: gitHub, open: openClientAssertion},
	{name: "azidentity AzurePipelinesCredential", source: pipelines, open: openAzidentityPipelines},
	{name: "azidentity WorkloadIdentityCredential", source: file, open: openWorkloadIdentity},
	{name: "hashicorp GitHubOIDCAuthorizer", source: gitHub, open: openHashicorpGitHub},
	{name: "hashicorp ADOPipelineOIDCAuthorizer", source: pipelines, open: openHashicorpPipelines},
	{name: "kubelogin workloadidentity", source: gitHub, open: openKubeloginGitHub, program: true},
	{name: "kubelogin azurepipelines", source: pipelines, open: openKubeloginPipelines, program: true},
	{name: "kubelogin workloadidentity", source: file, open: openKubeloginFile, program: true},
	{name: "@actions/core getIDToken + @azure/identity", source: gitHub, open: openGetIDToken, program: true},
	{name: "@azure/identity AzurePipelinesCredential", source: pipelines, open: openNodePipelines, program: true},
}

const (
	peerHop  = 50 * time.Millisecond
	manyOnce = 16
)

// TestPeers gets a token for each peer from a cloud of its own, whose endpoints take 50 ms a request, and presents it.
// Its log is the table of what that took; the libraries are then asked for 16 more at once.
func TestPeers(t *testing.T) {
	var table strings.Builder
	row := func(columns ...any) {
		fmt.Fprintf(&table, "%-43s %-16s %-9s %9v %9v %9v %9v %14v\n", columns...)
	}
	row("client", "source", "result", "OIDC", "exchange", "discovery", "time", "16 at once")
	for _, p := range peers {
		t.Run(p.name+"/"+p.source, func(t *testing.T) {
			server := azoidctest.NewServer(nil)
			defer server.Close()
			server.SetLatency(peerHop)
			get := p.open(t, server)
			server.Reset()

			start := time.Now()
			token, err := get(t.Context(), kubernetes+"/.default")
			took := time.Since(start)

			require.NoError(t, err)
			requireAdmitted(t, server, token)
			oidc, exchanges, discovery := counts(server)
			require.Equal(t, 1, exchanges)
			many := "-"
			if !p.program {
				many = duration(timeToGetMany(t, get))
			}
			row(p.name, p.source, "admitted", oidc, exchanges, discovery, duration(took), many)
		})
	}
	t.Logf("requests for one token, from cold, %s each:\n%s", peerHop, &table)
}

// requireAdmitted wants the service of the token's resource to let it in.
func requireAdmitted(t *testing.T, server *azoidctest.Server, token string) {
	t.Helper()
	service := server.Service(kubernetes)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, service.URL, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func counts(server *azoidctest.Server) (oidc, exchanges, discovery int) {
	return server.Count(azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC), server.Count(azoidctest.EntraToken),
		server.Count(azoidctest.EntraInstanceDiscovery, azoidctest.EntraOpenIDConfiguration)
}

func timeToGetMany(t *testing.T, get getToken) time.Duration {
	t.Helper()
	start := time.Now()
	var all sync.WaitGroup
	for i := range manyOnce {
		all.Go(func() {
			_, err := get(t.Context(), fmt.Sprintf("https://service-%d.example/.default", i))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	return time.Since(start)
}

func duration(d time.Duration) string { return d.Round(time.Millisecond).String() }

func openOurs(make func(testing.TB, *network) credential) func(*testing.T, *azoidctest.Server) getToken {
	return func(t *testing.T, server *azoidctest.Server) getToken {
		return tokenOf(make(t, overSockets(server)))
	}
}
