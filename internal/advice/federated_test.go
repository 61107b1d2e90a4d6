package advice_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

const clientID = "11111111-2222-3333-4444-555555555555"

// A shell takes the printed line as it's meant.
func TestFederatedCredentialCommand(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	const issuer, subject, audience = "https://issuer.example/a b", `repo:o/r:environment:it's "$HOME" <&>`, "api://AzureADTokenExchange"
	command := advice.FederatedCredential(clientID, issuer, subject, audience)
	line := strings.Replace(command, "az ad app federated-credential create --id", `printf '%s\n'`, 1)
	out, err := exec.Command(sh, "-c", line).Output()
	require.NoError(t, err)
	words := strings.Split(string(out), "\n")
	require.Equal(t, clientID, words[0])
	require.Equal(t, "--parameters", words[1])
	var parameters struct {
		Name, Issuer, Subject string
		Audiences             []string
	}
	require.NoError(t, json.Unmarshal([]byte(words[2]), &parameters))
	require.Equal(t, "azoidc", parameters.Name)
	require.Equal(t, subject, parameters.Subject)
	require.Equal(t, issuer, parameters.Issuer)
	require.Equal(t, []string{audience}, parameters.Audiences)
}

// People compare the line with what they see in the portal.
func TestFederatedCredentialIsReadable(t *testing.T) {
	require.Equal(t, `az ad app federated-credential create --id `+clientID+` --parameters `+
		`'{"name":"azoidc","issuer":"https://i.example","subject":"a<b>&c","audiences":["api://x"]}'`,
		advice.FederatedCredential(clientID, "https://i.example", "a<b>&c", "api://x"))
}

func TestFederatedCredentialWithoutClientID(t *testing.T) {
	require.Contains(t, advice.FederatedCredential("", "i", "s", "a"), "--id CLIENT_ID ")
	require.Contains(t, advice.FederatedCredential("a b; c", "i", "s", "a"), "--id 'a b; c' ")
}
