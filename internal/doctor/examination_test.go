package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestManagementScope(t *testing.T) {
	require.Equal(t, "https://management.usgovcloudapi.net/.default", managementScope("https://login.microsoftonline.us/"))
	require.Equal(t, "https://management.chinacloudapi.cn/.default", managementScope("https://login.chinacloudapi.cn/"))
	require.Equal(t, "https://management.azure.com/.default", managementScope("https://login.microsoftonline.com/"))
}
