package guides_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

func tokenFor(scope string) policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{scope}}
}

// setJob sets a job's variables, and nothing else that credentials read.
func setJob(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_OIDCREQUESTURI", "AZURE_AUTHORITY_HOST",
		"AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "AZURE_TOKEN_CREDENTIALS"} {
		t.Setenv(name, "")
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// What stands in docs/from-azurepipelinescredential.md.

func azidentitysPipelines(tenantID, clientID, serviceConnectionID, systemAccessToken string) (azcore.TokenCredential, error) {
	cred, err := azidentity.NewAzurePipelinesCredential(tenantID, clientID, serviceConnectionID, systemAccessToken, nil)
	return cred, err
}

func pipelines(tenantID, clientID, serviceConnectionID, systemAccessToken string) (azcore.TokenCredential, error) {
	cred, err := azoidc.NewAzurePipelinesCredential(tenantID, clientID, serviceConnectionID, systemAccessToken, nil)
	return cred, err
}

func pipelinesByEnvironment() (azcore.TokenCredential, error) {
	cred, err := azoidc.NewAzurePipelinesCredential("", "", "", "", nil)
	return cred, err
}

func pipelinesOptions(clientOptions azcore.ClientOptions) *azoidc.AzurePipelinesCredentialOptions {
	options := &azoidc.AzurePipelinesCredentialOptions{CredentialOptions: azoidc.CredentialOptions{
		ClientOptions:              clientOptions,
		AdditionallyAllowedTenants: []string{"*"},
	}}
	return options
}

// TestAzurePipelinesCredential: the same arguments and options work, and none at all where the task has set the variables.
func TestAzurePipelinesCredential(t *testing.T) {
	cloud := azoidctest.New(nil)
	job := cloud.PipelinesJob(nil)
	env := job.Env()
	setJob(t, env)
	for _, arguments := range [][4]string{
		{env["AZURESUBSCRIPTION_TENANT_ID"], env["AZURESUBSCRIPTION_CLIENT_ID"], env["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"], env["SYSTEM_ACCESSTOKEN"]},
		{},
	} {
		cred, err := azoidc.NewAzurePipelinesCredential(arguments[0], arguments[1], arguments[2], arguments[3], pipelinesOptions(cloud.ClientOptions()))
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), tokenFor(azoidc.ScopeKeyVault))
		require.NoError(t, err)
	}
	for _, open := range []func(string, string, string, string) (azcore.TokenCredential, error){azidentitysPipelines, pipelines} {
		_, err := open(cloud.TenantID(), cloud.ClientID(), "connection", "token")
		require.NoError(t, err)
	}
	_, err := pipelinesByEnvironment()
	require.NoError(t, err)
}

// TestOutsideOfAzurePipelines azidentity's constructor fails; here a chain goes on.
func TestOutsideOfAzurePipelines(t *testing.T) {
	setJob(t, nil)
	_, err := azidentitysPipelines("tenant", "client", "connection", "token")
	require.ErrorContains(t, err, "SYSTEM_OIDCREQUESTURI")

	cred, err := pipelines("11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555", "connection", "token")
	require.NoError(t, err)
	chain, err := azidentity.NewChainedTokenCredential([]azcore.TokenCredential{cred, fixedToken("next")}, nil)
	require.NoError(t, err)
	token, err := chain.GetToken(t.Context(), tokenFor(azoidc.ScopeKeyVault))
	require.NoError(t, err)
	require.Equal(t, "next", token.Token)
}

type fixedToken string

func (f fixedToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(f)}, nil
}

// TestMessageOfAzureDevOps is in the error, and nothing is posted; azidentity posts an empty assertion.
func TestMessageOfAzureDevOps(t *testing.T) {
	const message = "There is no explicit reference to service connection x from current stage y"
	cloud := azoidctest.New(nil)
	env := cloud.PipelinesJob(nil).Env()
	setJob(t, env)
	cloud.Fail(azoidctest.AzureDevOpsOIDC, azoidctest.Status(200, nil, `{"count":1,"value":"`+message+`"}`))
	id := func(name string) string { return env["AZURESUBSCRIPTION_"+name] }

	theirs, err := azidentity.NewAzurePipelinesCredential(id("TENANT_ID"), id("CLIENT_ID"), id("SERVICE_CONNECTION_ID"), env["SYSTEM_ACCESSTOKEN"],
		&azidentity.AzurePipelinesCredentialOptions{ClientOptions: cloud.ClientOptions()})
	require.NoError(t, err)
	_, err = theirs.GetToken(t.Context(), tokenFor(azoidc.ScopeKeyVault))
	require.Error(t, err)
	require.NotContains(t, err.Error(), message)
	require.NotZero(t, cloud.Count(azoidctest.EntraToken))

	cloud.Reset()
	ours, err := azoidc.NewAzurePipelinesCredential("", "", "", "", pipelinesOptions(cloud.ClientOptions()))
	require.NoError(t, err)
	_, err = ours.GetToken(t.Context(), tokenFor(azoidc.ScopeKeyVault))
	require.ErrorContains(t, err, message)
	require.Zero(t, cloud.Count(azoidctest.EntraToken))
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, err, &failed)
	var assertion *azoidc.AssertionError
	require.ErrorAs(t, err, &assertion)
}

// What stands in docs/from-clientassertioncredential.md.

func azidentitysStatic(tenantID, clientID string) (azcore.TokenCredential, error) {
	oidcToken := os.Getenv("OIDC_TOKEN") // of an earlier step
	cred, err := azidentity.NewClientAssertionCredential(tenantID, clientID, func(context.Context) (string, error) {
		return oidcToken, nil
	}, nil)
	return cred, err
}

func static(ctx context.Context, tenantID, clientID, oidcToken string) error {
	cred, err := azoidc.NewAssertionCredential(tenantID, clientID, azoidc.StaticAssertion(oidcToken), nil)
	if err != nil {
		return err
	}
	err = cred.Preload(ctx, azoidc.ScopeResourceManager, azoidc.ScopeKeyVault)
	return err
}

func gitHub(tenantID, clientID string) (azcore.TokenCredential, error) {
	cred, err := azoidc.NewGitHubActionsCredential(tenantID, clientID, nil)
	return cred, err
}

func ownSource(tenantID, clientID string, requestToken func(context.Context) (string, error)) (azcore.TokenCredential, error) {
	cred, err := azoidc.NewAssertionCredential(tenantID, clientID, requestToken, nil)
	return cred, err
}

func azidentitysWithSource(tenantID, clientID string) (azcore.TokenCredential, error) {
	cred, err := azidentity.NewClientAssertionCredential(tenantID, clientID, azoidc.GitHubActionsAssertion(nil), nil)
	return cred, err
}

// TestClientAssertionCredential runs all the ways in a job, with no options, as they stand there.
func TestClientAssertionCredential(t *testing.T) {
	j := newJob(t)
	j.env["OIDC_TOKEN"] = strings.TrimSpace(j.sh("azoidc assertion"))
	for _, role := range []string{"static by azidentity", "static", "GitHub", "GitHub by azidentity"} {
		j.inJob(role)
	}
	mine := errors.New("mine")
	cred, err := ownSource(j.cloud.TenantID(), j.cloud.ClientID(), func(context.Context) (string, error) { return "", mine })
	require.NoError(t, err)
	_, err = cred.GetToken(t.Context(), tokenFor(azoidc.ScopeKeyVault))
	require.ErrorIs(t, err, mine)
}

// getsToken is the role of a credential that opens.
func getsToken(open func(tenantID, clientID string) (azcore.TokenCredential, error)) role {
	return func(ctx context.Context) error {
		cred, err := open(os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"))
		if err != nil {
			return err
		}
		_, err = cred.GetToken(ctx, tokenFor(azoidc.ScopeKeyVault))
		return err
	}
}

// TestWhichTokenARetryPresents: azidentity's second attempt presents the first one's OIDC token again; this library's a new one.
func TestWhichTokenARetryPresents(t *testing.T) {
	presented := func(open func(*azoidctest.Cloud, map[string]string) (azcore.TokenCredential, error)) (ids []string) {
		synctest.Test(t, func(t *testing.T) {
			cloud := azoidctest.New(nil)
			env := cloud.PipelinesJob(nil).Env()
			setJob(t, env)
			cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(503, nil, ""))
			cred, err := open(cloud, env)
			require.NoError(t, err)
			_, err = cred.GetToken(t.Context(), tokenFor(azoidc.ScopeKeyVault))
			require.NoError(t, err)
			for _, request := range cloud.Requests(azoidctest.EntraToken) {
				ids = append(ids, request.Assertion.ID)
			}
		})
		require.Len(t, ids, 2)
		return ids
	}
	theirs := presented(func(cloud *azoidctest.Cloud, env map[string]string) (azcore.TokenCredential, error) {
		return azidentity.NewAzurePipelinesCredential(cloud.TenantID(), cloud.ClientID(), env["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
			env["SYSTEM_ACCESSTOKEN"], &azidentity.AzurePipelinesCredentialOptions{ClientOptions: cloud.ClientOptions()})
	})
	require.Equal(t, theirs[0], theirs[1])
	ours := presented(func(cloud *azoidctest.Cloud, _ map[string]string) (azcore.TokenCredential, error) {
		return azoidc.NewAzurePipelinesCredential("", "", "", "", pipelinesOptions(cloud.ClientOptions()))
	})
	require.NotEqual(t, ours[0], ours[1])
}
