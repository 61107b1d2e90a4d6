package advice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

func TestExchangeAudience(t *testing.T) {
	for host, want := range map[string]string{
		"login.microsoftonline.us": "api://AzureADTokenExchangeUSGov", "login.usgovcloudapi.net": "api://AzureADTokenExchangeUSGov",
		"login-us.microsoftonline.com": "api://AzureADTokenExchangeUSGov", "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
		"login.chinacloudapi.cn": "api://AzureADTokenExchangeChina", "login.microsoftonline.com": "api://AzureADTokenExchange",
		"login.private.example": "api://AzureADTokenExchange",
	} {
		require.Equal(t, want, advice.ExchangeAudience(host), host)
	}
}
