package advice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

const guid = "1A2b3c4d-5e6f-7081-92a3-b4c5d6e7f809"

func TestTenantIDs(t *testing.T) {
	for value, fits := range map[string]bool{
		"": true, guid: true, "contoso.onmicrosoft.com": true, "azAZ09.-": true, "contoso, Inc": false, "a/b": false, "a:b": false,
		"a@b": false, "a[b": false, "a`b": false, "a{b": false, "a_b": false, "tenänt": false,
	} {
		text := advice.TenantID("AZURE_TENANT_ID", value)
		require.Equal(t, fits, text == "", value)
		if !fits {
			require.Regexp(t, `^what AZURE_TENANT_ID holds \(\d+ characters\) is no tenant ID: `, text)
			require.NotContains(t, text, value)
		}
	}
}

func TestClientIDs(t *testing.T) {
	for value, fits := range map[string]bool{
		"": true, guid: true, "{" + guid + "}": true, "(" + guid + ")": true, "1a2b3c4d5e6f708192a3b4c5d6e7f809": true,
		"api://contoso/deploy": true, "https://contoso.example/deploy": true, "urn:contoso:deploy": true, "spn:" + guid: true,
		"deploy": false, guid + "0": false, guid[1:]: false, "g" + guid[1:]: false, "x-urn:deploy": false,
	} {
		text := advice.ClientID("the option", value)
		require.Equal(t, fits, text == "", value)
		if !fits {
			require.Regexp(t, `^what the option holds \(\d+ characters\) is no client ID: `, text)
			require.NotContains(t, text, value)
		}
	}
}

// TestAMacroIsNamed, which nobody put a value in place of.
func TestAMacroIsNamed(t *testing.T) {
	const said = "^AZURE_CLIENT_ID is literally \\$\\(clientId\\): the macro wasn't expanded: Azure Pipelines leaves"
	require.Regexp(t, said, advice.Literal("AZURE_CLIENT_ID", "$(clientId)"))
	require.Regexp(t, said, advice.ClientID("AZURE_CLIENT_ID", "$(clientId)"))
	require.Contains(t, advice.TenantID("AZURE_TENANT_ID", "$(tenantId)"), "AZURE_TENANT_ID is literally")
	require.Empty(t, advice.Literal("AZURE_CLIENT_ID", guid))
}
