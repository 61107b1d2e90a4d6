package azoidc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
)

func TestScopeKusto(t *testing.T) {
	for cluster, want := range map[string]string{
		"https://c.westeurope.kusto.windows.net":          "https://kusto.kusto.windows.net/.default",
		"https://C.Kusto.Windows.Net/":                    "https://kusto.kusto.windows.net/.default",
		"https://c.z0.kusto.fabric.microsoft.com":         "https://kusto.kusto.windows.net/.default",
		"https://c.usgovvirginia.kusto.usgovcloudapi.net": "https://kusto.kusto.usgovcloudapi.net/.default",
		"https://c.chinaeast2.kusto.chinacloudapi.cn":     "https://kusto.kusto.chinacloudapi.cn/.default",
		"https://kusto.private.example/":                  "https://kusto.private.example/.default",
		"https://%zz":                                     "https://%zz/.default",
	} {
		require.Equal(t, want, azoidc.ScopeKusto(cluster))
	}
}
