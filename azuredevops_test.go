package azoidc_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestAzureDevOpsRequest(t *testing.T) {
	local := testkit.NewCloud()
	const connection = "id &serviceConnectionId=other#?/ü"
	job := local.PipelinesJob(&azoidctest.PipelinesJobOptions{ServiceConnectionID: connection})
	cred, err := azoidc.NewAzurePipelinesCredential(local.TenantID(), local.ClientID(), connection, job.SystemAccessToken,
		&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: testkit.CredentialOptions(local), RequestURI: job.RequestURI + "?keep=this"})
	require.NoError(t, err)
	testkit.Get(t, cred, testkit.VaultScope)

	request := local.Requests(azoidctest.AzureDevOpsOIDC)[0]
	require.Equal(t, http.MethodPost, request.Method)
	require.Equal(t, []string{connection}, request.Form["serviceConnectionId"])
	require.Equal(t, "7.1", request.Form.Get("api-version"))
	require.Equal(t, "this", request.Form.Get("keep"))
	require.Equal(t, "Bearer "+job.SystemAccessToken, request.Header.Get("Authorization"))
	require.Equal(t, "Suppress", request.Header.Get("X-TFS-FedAuthRedirect"))
	require.Equal(t, "application/json", request.Header.Get("Content-Type"))
}

func TestBothKindsOfAzureDevOpsToken(t *testing.T) {
	for name, kind := range map[string]azoidctest.ConnectionKind{"older": azoidctest.OlderConnection, "newer": azoidctest.NewerConnection} {
		t.Run(name, func(t *testing.T) {
			local := testkit.NewCloud()
			job := local.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: kind})
			cred, err := azoidc.NewAzurePipelinesCredential(local.TenantID(), local.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
				&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: testkit.CredentialOptions(local), RequestURI: job.RequestURI})
			require.NoError(t, err)
			testkit.Get(t, cred, testkit.VaultScope)
			require.Equal(t, job.Issuer, local.Requests(azoidctest.EntraToken)[0].Assertion.Issuer)
		})
	}
}

func TestSeveralServiceConnectionsInOneProcess(t *testing.T) {
	local := testkit.NewCloud()
	other := local.Register("22222222-aaaa-bbbb-cccc-222222222222")
	first := local.PipelinesJob(nil)
	second := local.PipelinesJob(&azoidctest.PipelinesJobOptions{SameJob: first, ServiceConnection: "second", Application: other})
	for _, job := range []struct {
		clientID string
		*azoidctest.PipelinesJob
	}{{local.ClientID(), first}, {other.ClientID(), second}} {
		cred, err := azoidc.NewAzurePipelinesCredential(local.TenantID(), job.clientID, job.ServiceConnectionID, job.SystemAccessToken,
			&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: testkit.CredentialOptions(local), RequestURI: job.RequestURI})
		require.NoError(t, err)
		testkit.Get(t, cred, testkit.VaultScope)
	}
	requests := local.Requests(azoidctest.EntraToken)
	require.Equal(t, first.Subject, requests[0].Assertion.Subject)
	require.Equal(t, second.Subject, requests[1].Assertion.Subject)
}

func TestAzurePipelinesEnvironment(t *testing.T) {
	local := testkit.NewCloud()
	for name, change := range map[string]func(map[string]string){
		"of the tasks": func(map[string]string) {},
		"of the user": func(env map[string]string) {
			env["AZURE_TENANT_ID"], env["AZURE_CLIENT_ID"] = env["AZURESUBSCRIPTION_TENANT_ID"], env["AZURESUBSCRIPTION_CLIENT_ID"]
			delete(env, "AZURESUBSCRIPTION_TENANT_ID")
			delete(env, "AZURESUBSCRIPTION_CLIENT_ID")
		},
	} {
		t.Run(name, func(t *testing.T) {
			testbed.OutsideCI(t)
			env := local.PipelinesJob(nil).Env()
			change(env)
			testbed.SetEnv(t, env)
			cred, err := azoidc.NewAzurePipelinesCredential("", "", "", "", &azoidc.AzurePipelinesCredentialOptions{CredentialOptions: testkit.CredentialOptions(local)})
			require.NoError(t, err)
			testkit.Get(t, cred, testkit.VaultScope)
		})
	}
}

func TestOutsideAzurePipelinesTheCredentialIsUnavailable(t *testing.T) {
	complete := map[string]string{
		"SYSTEM_OIDCREQUESTURI": "https://x.example", "SYSTEM_ACCESSTOKEN": "t", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "s",
		"AZURESUBSCRIPTION_TENANT_ID": "t", "AZURESUBSCRIPTION_CLIENT_ID": testkit.AClientID,
	}
	for missing, remedy := range map[string]string{
		"SYSTEM_OIDCREQUESTURI":                   "docker run -e SYSTEM_OIDCREQUESTURI",
		"SYSTEM_ACCESSTOKEN":                      "SYSTEM_ACCESSTOKEN: $(System.AccessToken)",
		"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "service connection's ID",
		"AZURESUBSCRIPTION_TENANT_ID":             "AZURE_TENANT_ID",
		"AZURESUBSCRIPTION_CLIENT_ID":             "AZURE_CLIENT_ID",
	} {
		t.Run(missing, func(t *testing.T) {
			testbed.OutsideCI(t)
			testbed.SetEnv(t, complete)
			t.Setenv(missing, "")
			cred, err := azoidc.NewAzurePipelinesCredential("", "", "", "", nil)
			require.NoError(t, err)
			_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.ErrorContains(t, err, missing)
			require.ErrorContains(t, err, remedy)
			testkit.RequireChainGoesOn(t, cred)
		})
	}
}

// TestNightlyRunGetsADayOldToken is U7: the service hands out a cached token that has ended.
func TestNightlyRunGetsADayOldToken(t *testing.T) {
	local := testkit.NewCloud()
	job := local.PipelinesJob(&azoidctest.PipelinesJobOptions{
		Kind: azoidctest.NewerConnection, Shared: true, TokenAge: 24*time.Hour + 11*time.Minute,
	})
	cred, err := azoidc.NewAzurePipelinesCredential(local.TenantID(), local.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
		&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: testkit.CredentialOptions(local), RequestURI: job.RequestURI})
	require.NoError(t, err)
	testkit.Get(t, cred, testkit.VaultScope)
	require.Equal(t, 2, local.Count(azoidctest.AzureDevOpsOIDC), "asked for again")
	require.Equal(t, 1, local.Count(azoidctest.EntraToken), "the old one was never posted")
}
