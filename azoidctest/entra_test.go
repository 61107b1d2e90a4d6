package azoidctest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// TestRegionalAuthorities: with AZURE_REGIONAL_AUTHORITY_NAME, MSAL asks a host of the region.
func TestRegionalAuthorities(t *testing.T) {
	t.Setenv("AZURE_REGIONAL_AUTHORITY_NAME", "westeurope")
	server := newServer()
	defer server.Close()
	memory, based := newCloud(nil), newCloud(&azoidctest.Options{BaseURL: "https://octo.example"})
	for want, test := range map[string]struct {
		cloud   *azoidctest.Cloud
		options azcore.ClientOptions
	}{
		"https://westeurope.login.microsoft.com/":                  {memory, memory.ClientOptions()},
		"https://westeurope.login.microsoftonline.us/":             {memory, azcore.ClientOptions{Transport: memory, Cloud: cloud.AzureGovernment}},
		"https://westeurope.login.partner.microsoftonline.cn/":     {memory, azcore.ClientOptions{Transport: memory, Cloud: cloud.AzureChina}},
		"https://westeurope.octo.example/":                         {based, based.ClientOptions()},
		"https://westeurope.login.microsoft.com/#over sockets":     {server.Cloud, server.ClientOptions()},
		"https://westeurope." + server.URL[len("https://"):] + "/": {server.Cloud, azcore.ClientOptions{Transport: server.Client(), Cloud: server.Configuration()}},
	} {
		t.Run(want, func(t *testing.T) {
			c := test.cloud
			c.Reset()
			job := c.GitHubJob(nil)
			cred, err := azidentity.NewClientAssertionCredential(c.TenantID(), c.ClientID(), func(context.Context) (string, error) {
				return gitHubToken(t, c, job, job.Audience), nil
			}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: test.options})
			require.NoError(t, err)
			_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{vault + "/.default"}})
			require.NoError(t, err)
			region, _, _ := strings.Cut(want, "#")
			require.Equal(t, region+c.TenantID()+"/oauth2/v2.0/token", c.Requests(azoidctest.EntraToken)[0].URL)
		})
	}
	for _, host := range []string{"a.b.login.microsoft.com", ".login.microsoft.com", "eastus.login.windows.net"} {
		_, err := memory.Do(newRequest(t, http.MethodGet, "https://"+host+"/", ""))
		require.ErrorContains(t, err, "azoidctest serves nothing at "+host)
	}
}

func TestEntraRefusesOtherTenantsAndMethods(t *testing.T) {
	c := newCloud(nil)
	for tenant, code := range map[string]int{"00000000-0000-0000-0000-00000000abcd": 90002, "common": 90002, "octo": 900023} {
		a := get(t, c, "https://login.microsoftonline.com/"+tenant+"/v2.0/.well-known/openid-configuration", "")
		requireRefusal(t, a, code, http.StatusBadRequest, "invalid_tenant")
	}
	requireRefusal(t, get(t, c, tokenURL(c, c.TenantID()), ""), 900561, http.StatusBadRequest, "invalid_request")
}
