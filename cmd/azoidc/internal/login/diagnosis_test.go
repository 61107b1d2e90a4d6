package login

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/ci"
)

// What is set is told, but for secrets, and what is missing in the system that the job runs in: in all of them where none is known.
func TestSettings(t *testing.T) {
	const host = "https://login.microsoftonline.com/"
	github := ci.Variables{"ACTIONS_ID_TOKEN_REQUEST_URL=https://a.example/runs/1?x=y", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=canary", "AZURE_TENANT_ID=T"}
	for name, test := range map[string]struct {
		env  ci.Variables
		args []string
		ci   string
		want []setting
	}{
		"GitHub Actions": {github, []string{"-audience=A"}, "GitHub Actions", []setting{
			{"ACTIONS_ID_TOKEN_REQUEST_URL", "https://a.example", true}, {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "", true},
			{"AZURE_TENANT_ID", "T", true}, {"AZURE_CLIENT_ID", "", false}, {"audience", "A", true}, {"authority host", host, true}}},
		"a named source": {github, []string{"-assertion-file=f", "-client-id=C"}, "-assertion-file", []setting{
			{"-assertion-file", "", true}, {"AZURE_TENANT_ID", "T", true}, {"-client-id", "C", true}, {"authority host", host, true}}},
		"Azure Pipelines": {ci.Variables{"SYSTEM_OIDCREQUESTURI=x"}, nil, "Azure Pipelines", []setting{
			{"SYSTEM_OIDCREQUESTURI", "no URL", true}, {"SYSTEM_ACCESSTOKEN", "", false},
			{"AZURESUBSCRIPTION_TENANT_ID or AZURE_TENANT_ID", "", false}, {"AZURESUBSCRIPTION_CLIENT_ID or AZURE_CLIENT_ID", "", false},
			{"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "", false}, {"authority host", host, true}}},
		"a named source there": {ci.Variables{"SYSTEM_OIDCREQUESTURI=x", "AZURE_TENANT_ID=T"}, []string{"-assertion-file=f", "-client-id=C"}, "-assertion-file", []setting{
			{"-assertion-file", "", true}, {"AZURESUBSCRIPTION_TENANT_ID or AZURE_TENANT_ID", "T", true}, {"-client-id", "C", true}, {"authority host", host, true}}},
		"nowhere": {nil, nil, "", []setting{
			{"ACTIONS_ID_TOKEN_REQUEST_URL", "", false}, {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "", false},
			{"SYSTEM_OIDCREQUESTURI", "", false}, {"SYSTEM_ACCESSTOKEN", "", false},
			{"AZURE_TENANT_ID", "", false}, {"AZURE_CLIENT_ID", "", false}, {"authority host", host, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			var d Diagnosis
			l := newLogin(t, test.env, test.args...)
			d.describe(test.env, &l)
			require.Equal(t, test.ci, d.CI)
			require.Equal(t, test.want, d.Settings)
		})
	}
}

func TestHostOnly(t *testing.T) {
	for address, want := range map[string]string{
		"": "", "https://a.example:8443/b?c": "https://a.example:8443", "a.example": "no URL", "https://a b/": "no URL", "%": "no URL",
	} {
		require.Equal(t, want, hostOnly(address), address)
	}
}

// A token that names no audience is no reason to say nothing.
func TestFederatedCredentialOfATokenWithoutAudience(t *testing.T) {
	var d Diagnosis
	l := newLogin(t, nil)
	d.identify(&l, azoidc.Claims{Issuer: "i", Subject: "s"})
	require.Equal(t, "api://AzureADTokenExchange", d.Federated.Audience)
	require.Nil(t, d.Identity.ExpiresAt)
	for _, audience := range [][]string{{"first", "second"}, {"first"}} {
		d.identify(&l, azoidc.Claims{Issuer: "i", Subject: "s", Audience: audience})
		require.Equal(t, "first", d.Federated.Audience)
	}
}

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		results []string
		well    bool
		want    string
	}{
		{[]string{resultOK, resultSkipped}, true, "all is well: this job signs in as application C in tenant T"},
		{[]string{resultOK, resultWarning, resultWarning}, true, "all is well: this job signs in as application C in tenant T, but look at b"},
		{[]string{resultWarning, ResultFailed, ResultFailed}, false, "not well: 2 of 3 steps failed. Begin with the first, b, and run this again"},
	} {
		d := Diagnosis{}
		for i, result := range test.results {
			d.Steps = append(d.Steps, Step{Name: string("abc"[i]), Result: result})
		}
		d.conclude(&Login{ClientID: "C", TenantID: "T"})
		require.Equal(t, test.well, d.Well)
		require.Equal(t, test.want, d.Verdict)
	}
}
