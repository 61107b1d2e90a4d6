// Deploytool deploys an ARM template to a resource group, for as long as that takes, and then tells the key vault which
// version is out. In GitHub Actions and Azure Pipelines every token that it needs comes from a new OIDC token.
//
//	AZURE_SUBSCRIPTION_ID=… deploytool template.json my-group https://my-vault.vault.azure.net v1.2.3
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/azoidc/azoidc"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: deploytool TEMPLATE GROUP VAULT VERSION")
	}
	template, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := deploy(context.Background(), azcore.ClientOptions{}, template, os.Args[2], os.Args[3], os.Args[4]); err != nil {
		log.Fatal(err)
	}
}

// deploy signs in and works with the same client options, which a test sets to its cloud's.
func deploy(ctx context.Context, client azcore.ClientOptions, template json.RawMessage, group, vault, version string) error {
	cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: azoidc.CredentialOptions{ClientOptions: client}})
	if err != nil {
		return err
	}
	deployments, err := armresources.NewDeploymentsClient(os.Getenv("AZURE_SUBSCRIPTION_ID"), cred, &arm.ClientOptions{ClientOptions: client})
	if err != nil {
		return err
	}
	secrets, err := azsecrets.NewClient(vault, cred, &azsecrets.ClientOptions{ClientOptions: client})
	if err != nil {
		return err
	}
	// What isn't allowed fails here, before anything is deployed.
	if err := cred.Preload(ctx, azoidc.ScopeResourceManager, azoidc.ScopeKeyVault); err != nil {
		return err
	}
	deployment, err := deployments.BeginCreateOrUpdate(ctx, group, "deploytool", armresources.Deployment{
		Properties: &armresources.DeploymentProperties{Mode: to.Ptr(armresources.DeploymentModeIncremental), Template: template},
	}, nil)
	if err != nil {
		return err
	}
	if _, err := deployment.PollUntilDone(ctx, nil); err != nil {
		return err
	}
	_, err = secrets.SetSecret(ctx, "version", azsecrets.SetSecretParameters{Value: &version}, nil)
	return err
}
