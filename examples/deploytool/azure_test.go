package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc/azoidctest"
)

const (
	resourceManager = "https://management.core.windows.net/"
	keyVault        = "https://vault.azure.net"
)

// azure is a local cloud with one resource group, whose deployments take three hours, and one key vault.
type azure struct {
	*azoidctest.Cloud

	mu       sync.Mutex
	began    time.Time // of the deployment
	template string    // that is deployed
	version  string    // that the vault holds
}

// newAzure puts the test into a job of GitHub Actions.
func newAzure(t *testing.T, job *azoidctest.GitHubJobOptions) *azure {
	t.Helper()
	a := &azure{Cloud: azoidctest.New(nil)}
	for name, value := range a.GitHubJob(job).Env() {
		t.Setenv(name, value)
	}
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "GitHubActionsCredential")
	t.Setenv("AZURE_SUBSCRIPTION_ID", "00000000-0000-4000-8000-000000000001")
	a.Service(resourceManager).Handle(http.HandlerFunc(a.serveDeployment))
	a.Service(keyVault).Handle(http.HandlerFunc(a.serveSecret))
	return a
}

// client are options for clients in the public cloud whose requests go to the local one.
func (a *azure) client() azcore.ClientOptions { return azcore.ClientOptions{Transport: a} }

// Do brings requests to the services from the hosts where their clients look for them.
func (a *azure) Do(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.Host == "management.azure.com":
		return a.Cloud.Do(at("management.core.windows.net", r))
	case strings.HasSuffix(r.URL.Host, ".vault.azure.net"):
		response, err := a.Cloud.Do(at("vault.azure.net", r))
		if err == nil && response.StatusCode == http.StatusUnauthorized {
			// https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
			response.Header.Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization="https://login.microsoftonline.com/%s", resource="%s"`,
				a.TenantID(), keyVault))
		}
		return response, err
	}
	return a.Cloud.Do(r)
}

func at(host string, r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Host, r.Host = host, host
	return r
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
		answer(w, http.StatusCreated, `{"properties":{"provisioningState":"Accepted"}}`)
		return
	}
	state := "Running"
	if time.Since(a.began) >= 3*time.Hour {
		state = "Succeeded"
	}
	answer(w, http.StatusOK, fmt.Sprintf(`{"properties":{"provisioningState":%q}}`, state))
}

func (a *azure) serveSecret(w http.ResponseWriter, r *http.Request) {
	var secret struct{ Value string }
	if err := json.NewDecoder(r.Body).Decode(&secret); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version = secret.Value
	answer(w, http.StatusOK, `{"id":"https://my-vault.vault.azure.net/secrets/version/1"}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
