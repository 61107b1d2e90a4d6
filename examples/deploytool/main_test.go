package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

const (
	template        = `{"resources":[]}`
	vault           = "https://my-vault.vault.azure.net"
	resourceManager = "https://management.azure.com"
)

// azure is a local cloud. It has a key vault; the test adds deployments, which take three hours.
type azure struct {
	*azoidctest.Cloud

	mu       sync.Mutex
	began    time.Time // of the deployment
	template string    // that is deployed
}

// newAzure puts the test into a job of GitHub Actions.
func newAzure(t *testing.T, job *azoidctest.GitHubJobOptions) *azure {
	t.Helper()
	a := &azure{Cloud: azoidctest.New(nil)}
	for name, value := range a.GitHubJob(job).Env() {
		t.Setenv(name, value)
	}
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "GitHubActionsCredential")
	t.Setenv("AZURE_SUBSCRIPTION_ID", a.SubscriptionID())
	a.Service(resourceManager).Handle(http.HandlerFunc(a.serveDeployment))
	return a
}

func (a *azure) deploy(t *testing.T) error {
	return deploy(t.Context(), a.ClientOptions(), json.RawMessage(template), "my-group", vault, "v1.2.3")
}

func (a *azure) serveDeployment(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method == http.MethodPut {
		var deployment struct {
			Properties struct{ Template json.RawMessage }
		}
		if err := json.NewDecoder(r.Body).Decode(&deployment); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.template, a.began = string(deployment.Properties.Template), time.Now()
		w.WriteHeader(http.StatusCreated)
	}
	state := "Running"
	if time.Since(a.began) >= 3*time.Hour {
		state = "Succeeded"
	}
	_, _ = fmt.Fprintf(w, `{"properties":{"provisioningState":%q}}`, state)
}

// version is what the vault says is out.
func (a *azure) version(t *testing.T) string {
	t.Helper()
	cred, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: a.ClientOptions()},
	})
	require.NoError(t, err)
	secrets, err := azsecrets.NewClient(vault, cred, &azsecrets.ClientOptions{ClientOptions: a.ClientOptions()})
	require.NoError(t, err)
	secret, err := secrets.GetSecret(t.Context(), "version", "", nil)
	require.NoError(t, err)
	return *secret.Value
}

// The token that writes the secret is acquired hours after the first OIDC token's end, with another one.
func TestDeploy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure(t, nil)
		began := time.Now()
		require.NoError(t, a.deploy(t))

		require.JSONEq(t, template, a.template)
		presented := map[string]bool{}
		exchanges := a.Requests(azoidctest.EntraToken)
		for _, exchange := range exchanges {
			require.Equal(t, http.StatusOK, exchange.Status)
			presented[exchange.Assertion.ID] = true
		}
		require.Len(t, presented, len(exchanges)) // an OIDC token for each
		require.GreaterOrEqual(t, exchanges[len(exchanges)-1].Time.Sub(began), 3*time.Hour)
		require.Equal(t, "v1.2.3", a.version(t))
	})
}

// Whatever the job isn't allowed to do is found out before anything is deployed.
func TestNothingIsDeployed(t *testing.T) {
	for name, test := range map[string]struct {
		job    *azoidctest.GitHubJobOptions
		refuse azoidctest.Fault
		want   string
	}{
		"no federated identity credential": {job: &azoidctest.GitHubJobOptions{Untrusted: true}, want: "AADSTS70025"},
		"no Key Vault in the tenant": {
			refuse: azoidctest.OnScope(azoidc.ScopeKeyVault, azoidctest.EntraRefusal(500011)),
			want:   "AADSTS500011",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAzure(t, test.job)
				if test.refuse != nil {
					a.Fail(azoidctest.EntraToken, test.refuse)
				}
				require.ErrorContains(t, a.deploy(t), test.want)
				require.Empty(t, a.template)
			})
		})
	}
}

// The deployment has happened when the vault refuses, and the error is the vault's.
func TestVaultRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure(t, nil)
		a.Service("https://vault.azure.net").Handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":{"code":"Forbidden"}}`, http.StatusForbidden)
		}))
		require.ErrorContains(t, a.deploy(t), "Forbidden")
		require.JSONEq(t, template, a.template)
	})
}
