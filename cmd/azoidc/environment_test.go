package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

func TestChildEnvironment(t *testing.T) {
	t.Parallel()
	env := ci.Variables{
		"PATH=/bin", "AZURE_CLIENT_ID=another", "AZURE_TOKEN_CREDENTIALS=GitHubActionsCredential",
		"IDENTITY_ENDPOINT=old", "IDENTITY_SERVER_THUMBPRINT=old", "AZURE_FEDERATED_TOKEN_FILE=old",
		"ARM_USE_OIDC=true", "ARM_OIDC_TOKEN=old", "ARM_OIDC_TOKEN_FILE_PATH=old",
		"ACTIONS_ID_TOKEN_REQUEST_URL=u", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t",
		"SYSTEM_OIDCREQUESTURI=u", "SYSTEM_ACCESSTOKEN=t", "ARM_OIDC_REQUEST_TOKEN=t", "ARM_OIDC_REQUEST_URL=u",
		"AZOIDC_ASSERTION_COMMAND=c", "AZOIDC_ASSERTION_FILE=f", "AZD_AUTH_ENDPOINT=old", "AZD_AUTH_KEY=old", "AZD_AUTH_CERT=old",
	}
	s := &supply{env: map[string]string{"IDENTITY_ENDPOINT": "new"}, credential: "ManagedIdentityCredential", clientID: "mine"}
	require.ElementsMatch(t, ci.Variables{
		"PATH=/bin", "AZURE_CLIENT_ID=mine", "AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential", "IDENTITY_ENDPOINT=new",
	}, childEnvironment(env, s, false))
	kept := childEnvironment(env, s, true)
	for _, name := range requestVariables() {
		require.NotEmpty(t, kept.Get(name), name)
	}
	require.Equal(t, ci.Variables{"AZURE_TOKEN_CREDENTIALS=prod", "IDENTITY_ENDPOINT=new"},
		childEnvironment(ci.Variables{"AZURE_TOKEN_CREDENTIALS=prod"}, s, false), "AZURE_CLIENT_ID isn't introduced")
}

// Terraform requests OIDC tokens by itself only where somebody asked for that, and only where somebody hands them out.
func TestChildEnvironmentForTerraformsOwnExchange(t *testing.T) {
	t.Parallel()
	serves := &supply{env: map[string]string{"ARM_OIDC_REQUEST_URL": "new"}}
	for asked, want := range map[string]string{"true": "true", "True": "true", "false": "", "": ""} {
		require.Equal(t, want, childEnvironment(ci.Variables{"ARM_USE_OIDC=" + asked}, serves, false).Get("ARM_USE_OIDC"), asked)
		require.Empty(t, childEnvironment(ci.Variables{"ARM_USE_OIDC=" + asked}, &supply{}, false).Get("ARM_USE_OIDC"), asked)
	}
	connection := ci.Variables{"ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID=c", "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID=c", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID=c"}
	require.Equal(t, connection, childEnvironment(connection, &supply{}, false))
	require.Equal(t, ci.Variables{"ARM_OIDC_REQUEST_URL=new"}, childEnvironment(connection, serves, true), "they'd make Terraform ask in Azure Pipelines' way")
}
