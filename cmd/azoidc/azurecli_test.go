package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/ci"
)

// BenchmarkAzureCLI is what a script pays for a token: by Azure CLI, which is signed in to the endpoint, by "azoidc token",
// which signs in each time, and by curl.
func BenchmarkAzureCLI(b *testing.B) {
	if _, err := exec.LookPath("az"); err != nil {
		b.Skip("no Azure CLI here")
	}
	cloud := newServer(b, nil)
	w := newWorkflow(b, cloud)
	w.well("start", "-scope="+vaultScope)
	env := w.exported()
	az := signedIn(b, cloud, env)
	for name, command := range map[string]func() error{
		"az account get-access-token": func() error { return az("account", "get-access-token", "--resource", vault, "--output", "none") },
		"azoidc token": func() error {
			if r := w.step("token", "-scope="+vaultScope); r.status != exitWell {
				return fmt.Errorf("%s", r.stderr)
			}
			return nil
		},
		"curl": func() error {
			return exec.Command("curl", "--silent", "--fail", "--output", os.DevNull, "--header", "X-IDENTITY-HEADER: "+env["IDENTITY_HEADER"],
				env["IDENTITY_ENDPOINT"]+"?api-version=2019-08-01&resource="+vault).Run()
		},
	} {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			began := time.Now()
			for b.Loop() {
				require.NoError(b, command())
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(time.Since(began).Microseconds())/1000/float64(b.N), "ms")
		})
	}
	w.well("stop")
}

// signedIn returns how to run az, for a cloud that is cloud, with a profile of its own.
func signedIn(b *testing.B, cloud *azoidctest.Server, env map[string]string) (az func(args ...string) error) {
	b.Helper()
	const resource = "https://management.core.windows.net/"
	manager := cloud.Service(resource)
	manager.Handle(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		value := ""
		if strings.HasSuffix(r.URL.Path, "/tenants") {
			value = fmt.Sprintf(`{"id":"/tenants/%[1]s","tenantId":"%[1]s"}`, cloud.TenantID())
		}
		_, _ = fmt.Fprintf(rw, `{"value":[%s]}`, value)
	}))
	home, certificate := b.TempDir(), b.TempDir()+"/ca.pem"
	require.NoError(b, os.WriteFile(certificate, cloud.CertificatePEM(), 0o600))
	all := ci.Variables(os.Environ()).With(env).With(map[string]string{
		"HOME": home, "AZURE_CONFIG_DIR": home, "AZURE_CORE_COLLECT_TELEMETRY": "false", "REQUESTS_CA_BUNDLE": certificate,
	})
	az = func(args ...string) error {
		cmd := exec.Command("az", args...)
		cmd.Env = all
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("az %s: %w\n%s", strings.Join(args, " "), err, output)
		}
		return nil
	}
	for _, args := range [][]string{
		{"cloud", "register", "--name=Local", "--endpoint-resource-manager=" + manager.URL, "--endpoint-active-directory=" + cloud.URL,
			"--endpoint-active-directory-resource-id=" + resource, "--endpoint-active-directory-graph-resource-id=https://graph.windows.net/"},
		{"cloud", "set", "--name=Local"},
		{"login", "--identity", "--allow-no-subscriptions", "--output=none"},
	} {
		require.NoError(b, az(args...))
	}
	return az
}
