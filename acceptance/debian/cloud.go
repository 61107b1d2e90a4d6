package main

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/azoidc/azoidc/azoidctest"
)

// The times of a job that outlives its OIDC tokens by far. Python takes its time to start, so a token that it's given
// has some seconds left: it's renewed when three quarters of its life are over.
const (
	assertionLife = 3 * time.Second
	tokenLife     = 20 * time.Second
	jobLength     = time.Minute
)

const (
	// armResource is what Azure CLI asks for on behalf of Resource Manager, slash included.
	armResource = "https://management.core.windows.net/"
	otherURI    = "https://vault.azure.net"

	subscriptionID = "5f1d9a3c-0b7e-4d55-8a53-2f6f1f0c9e11"
)

// cloud is azoidctest's, with Resource Manager and one more service.
type cloud struct {
	server     *azoidctest.Server
	arm, other *azoidctest.Service
}

func newCloud() *cloud {
	server := azoidctest.NewServer(&azoidctest.Options{
		AssertionLifetime: assertionLife, AccessTokenLifetime: tokenLife, ClockTolerance: -1,
	})
	c := &cloud{server: server, arm: server.Service(armResource), other: server.Service(otherURI)}
	c.arm.Handle(resourceManager(c.arm.URL, server.TenantID()))
	return c
}

// env is a GitHub job's environment, with what a script has to know of the cloud. Nothing of the machine's own settings
// for Azure is in the way.
func (c *cloud) env(home, certificate string) []string {
	env := []string{
		"HOME=" + home,
		"AZURE_CONFIG_DIR=" + home,
		"AZURE_CORE_COLLECT_TELEMETRY=false",
		"AZURE_AUTHORITY_HOST=" + c.server.URL,
		"SSL_CERT_FILE=" + certificate,      // for azoidc
		"REQUESTS_CA_BUNDLE=" + certificate, // for Python
		"JOB_SECONDS=" + fmt.Sprint(int(jobLength.Seconds())),
		"ARM_URL=" + c.arm.URL,
		"ARM_RESOURCE=" + armResource,
		"OTHER_URL=" + c.other.URL,
		"OTHER_RESOURCE=" + otherURI,
		"SUBSCRIPTION_ID=" + subscriptionID,
		"AZOIDC_DISABLE_INSTANCE_DISCOVERY=true",
	}
	for name, value := range c.server.GitHubJob(nil).Env() {
		env = append(env, name+"="+value)
	}
	return env
}

// resourceManager answers what Azure CLI asks when it signs in, and for resource groups.
func resourceManager(base, tenantID string) http.Handler {
	prefix := ""
	if parsed, err := url.Parse(base); err == nil {
		prefix = parsed.Path
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tenants", answer(`{"value":[{"id":"/tenants/%[1]s","tenantId":"%[1]s"}]}`, tenantID))
	mux.HandleFunc("GET /subscriptions", answer(`{"value":[{"id":"/subscriptions/%[1]s","subscriptionId":"%[1]s","tenantId":"%[2]s",
		"displayName":"octo-subscription","state":"Enabled","subscriptionPolicies":{},"managedByTenants":[]}]}`, subscriptionID, tenantID))
	mux.HandleFunc("GET /subscriptions/{id}/resourcegroups", answer(`{"value":[{"id":"/subscriptions/%[1]s/resourceGroups/octo","name":"octo",
		"type":"Microsoft.Resources/resourceGroups","location":"westeurope","properties":{"provisioningState":"Succeeded"}}]}`, subscriptionID))
	return http.StripPrefix(prefix, mux)
}

func answer(format string, arguments ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, format, arguments...)
	}
}
