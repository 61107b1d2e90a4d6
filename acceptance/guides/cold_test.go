package guides_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// hop is what each request to a service takes in the benchmark.
const hop = 50 * time.Millisecond

// aksServer is the one resource that kubelogin gets tokens for.
const aksServer = "6dae42f8-4368-4678-94ff-3960e28e3630"

// BenchmarkColdToken is what a script in a job of GitHub Actions pays for its first access token, by a program that starts,
// gets an OIDC token, exchanges it, prints what it gets and ends. Azure CLI has to sign in first, and is given an OIDC token.
// The shortest of each counts, for what else the machine does only adds to it.
func BenchmarkColdToken(b *testing.B) {
	j := newJob(b)
	j.cloud.SetLatency(hop)
	j.cloud.Service(aksServer)
	j.env["AZURE_CONFIG_DIR"] = j.subfolder("az")
	oidcToken := strings.TrimSpace(j.sh("azoidc assertion"))
	scripts := []struct{ name, text string }{
		{"azoidc-token", "azoidc token -o raw -scope " + aksServer + "/.default"},
		{"kubelogin", "kubelogin get-token --login workloadidentity --federated-token-file unused --server-id " + aksServer + " --tenant-id $AZURE_TENANT_ID " +
			"--client-id $AZURE_CLIENT_ID --cache-dir " + filepath.Join(j.folder, "kubelogin")},
	}
	if j.env["INSTALLED_AZ"] != "" {
		scripts = append(scripts, struct{ name, text string }{"az", "rm -rf $AZURE_CONFIG_DIR/*; $INSTALLED_AZ login --output none --service-principal " +
			"--username $AZURE_CLIENT_ID --tenant $AZURE_TENANT_ID --federated-token " + oidcToken + " --allow-no-subscriptions && " +
			"$INSTALLED_AZ account get-access-token --output none --resource https://vault.azure.net"})
	}
	for _, script := range scripts {
		b.Run(script.name, func(b *testing.B) {
			shortest := time.Hour
			for b.Loop() {
				exchanges, began := j.cloud.Count(azoidctest.EntraToken), time.Now()
				printed, err := j.run("bash", "-euo", "pipefail", "-c", script.text)
				require.NoError(b, err, "%s", printed)
				shortest = min(shortest, time.Since(began))
				require.Greater(b, j.cloud.Count(azoidctest.EntraToken), exchanges, "it was cached")
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(shortest.Microseconds())/1000, "ms")
		})
	}
}
