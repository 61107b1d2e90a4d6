package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

const template = `{"resources":[]}`

func (a *azure) deploy(t *testing.T) error {
	return deploy(t.Context(), a.client(), json.RawMessage(template), "my-group", "https://my-vault.vault.azure.net", "v1.2.3")
}

// The token that writes the secret is acquired hours after the first OIDC token's end, with another one.
func TestDeploy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure(t, nil)
		began := time.Now()
		require.NoError(t, a.deploy(t))

		require.GreaterOrEqual(t, time.Since(began), 3*time.Hour)
		require.JSONEq(t, template, a.template)
		require.Equal(t, "v1.2.3", a.version)
		presented := map[string]bool{}
		exchanges := a.Requests(azoidctest.EntraToken)
		for _, exchange := range exchanges {
			require.Equal(t, http.StatusOK, exchange.Status)
			presented[exchange.Assertion.ID] = true
		}
		require.Len(t, presented, len(exchanges)) // an OIDC token for each
		require.GreaterOrEqual(t, exchanges[len(exchanges)-1].Time.Sub(began), 3*time.Hour)
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
			refuse: azoidctest.OnScope(keyVault+"/.default", azoidctest.EntraRefusal(500011)),
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

// The vault's refusal comes after three hours, and is the tool's own.
func TestVaultRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure(t, nil)
		a.Service(keyVault).Handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusForbidden, `{"error":{"code":"Forbidden"}}`)
		}))
		require.ErrorContains(t, a.deploy(t), "Forbidden")
		require.JSONEq(t, template, a.template)
	})
}
