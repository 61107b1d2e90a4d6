package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
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
	// storageResource is Blob Storage's, which has the accounts' host names.
	storageResource = "https://storage.azure.com/"
	graphResource   = "https://graph.microsoft.com"
	// hubClientID is another application that GitHub's jobs may sign in as.
	hubClientID = "12121212-3434-5656-7878-909090909090"
)

// cloud is azoidctest's, with what the jobs need of Resource Manager, Microsoft Graph, Blob Storage and Key Vault. The last is
// also the other service where a job needs any two.
type cloud struct {
	server     *azoidctest.Server
	arm, other *azoidctest.Service
}

func newCloud() *cloud {
	server := azoidctest.NewServer(&azoidctest.Options{
		AssertionLifetime: assertionLife, AccessTokenLifetime: tokenLife, ClockTolerance: -1,
	})
	c := &cloud{server: server, arm: server.Service(armResource), other: server.Service(otherURI)}
	c.arm.Handle(resourceManager(c.arm.URL, server.TenantID(), server.SubscriptionID()))
	c.other.Handle(vault(c.other.URL))
	directory := server.Service(graphResource)
	directory.Handle(graph(directory.URL))
	server.Service(storageResource).Handle(newStateBlobs())
	return c
}

// env is a GitHub job's environment, with what a script has to know of the cloud. Nothing of the machine's own settings
// for Azure is in the way.
func (c *cloud) env(home, certificate string, pipelines bool) []string {
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
		"HUB_CLIENT_ID=" + hubClientID,
		"SUBSCRIPTION_ID=" + c.server.SubscriptionID(),
		"AZOIDC_DISABLE_INSTANCE_DISCOVERY=true",
	}
	c.server.GitHubJob(&azoidctest.GitHubJobOptions{Application: c.server.Register(hubClientID)})
	job := c.server.GitHubJob(nil).Env()
	if pipelines {
		job = c.server.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection}).Env()
	}
	for name, value := range job {
		env = append(env, name+"="+value)
	}
	return env
}

// askedBy is the application that the request's token, which was admitted, was issued to.
func askedBy(r *http.Request) string {
	var claims struct {
		Application string `json:"appid"`
	}
	segments := strings.Split(r.Header.Get("Authorization"), ".")
	if len(segments) == 3 {
		if payload, err := base64.RawURLEncoding.DecodeString(segments[1]); err == nil && json.Unmarshal(payload, &claims) == nil {
			return claims.Application
		}
	}
	return ""
}

func answer(format string, arguments ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, format, arguments...)
	}
}
