package login

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/testbed"
)

func newLogin(t *testing.T, env ci.Variables, args ...string) Login {
	t.Helper()
	var common Flags
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	common.Register(flags, env)
	require.NoError(t, flags.Parse(args))
	return New(env, common, azcore.ClientOptions{})
}

var (
	github = ci.Variables{"ACTIONS_ID_TOKEN_REQUEST_URL=https://a.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"}
	devops = ci.Variables{"SYSTEM_OIDCREQUESTURI=https://a.example", "SYSTEM_ACCESSTOKEN=t", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID=c"}
)

func TestOutside(t *testing.T) {
	l := newLogin(t, nil)
	require.Equal(t, errOutside, l.Check())
	require.Equal(t, errOutside, l.CheckRequest())
}

func TestCheckRequest(t *testing.T) {
	for name, test := range map[string]struct {
		env  ci.Variables
		args []string
		want string
	}{
		"GitHub":             {github, nil, ""},
		"an audience":        {github, []string{"-audience=a"}, ""},
		"Azure":              {devops, nil, ""},
		"no URL":             {ci.Variables{"GITHUB_ACTIONS=true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=canary"}, nil, "missing environment variable ACTIONS_ID_TOKEN_REQUEST_URL:"},
		"no token":           {ci.Variables{"ACTIONS_ID_TOKEN_REQUEST_URL=https://a.example"}, nil, "missing environment variable ACTIONS_ID_TOKEN_REQUEST_TOKEN:"},
		"no connection":      {devops[:2], nil, "-service-connection-id passes it"},
		"its audience":       {devops, []string{"-audience=a"}, "the audience can't be chosen"},
		"a macro":            {devops[1:].With(map[string]string{"SYSTEM_OIDCREQUESTURI": "$(uri)"}), nil, "SYSTEM_OIDCREQUESTURI is literally"},
		"a file":             {nil, []string{"-assertion-file=f"}, ""},
		"a file's audience":  {nil, []string{"-assertion-file=f", "-audience=a"}, "-assertion-file: leave out -audience"},
		"a file and another": {nil, []string{"-assertion-file=f", "-assertion-command=c"}, "one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogin(t, test.env, test.args...)
			if test.want == "" {
				require.NoError(t, l.CheckRequest())
			} else {
				require.ErrorContains(t, l.CheckRequest(), test.want)
			}
		})
	}
}

func TestCredentialFails(t *testing.T) {
	for _, l := range []Login{newLogin(t, github), newLogin(t, devops), newLogin(t, nil, "-assertion-file=f")} {
		l.TenantID, l.ClientID = "a/b", "c"
		cred, err := l.Credential()
		require.Error(t, err)
		require.Nil(t, cred)
	}
}

func TestExchangeAudience(t *testing.T) {
	for host, want := range map[string]string{
		"https://LOGIN.microsoftonline.us/": "api://AzureADTokenExchangeUSGov", "https://login.microsoftonline.com/": advice.PublicAudience, "%": advice.PublicAudience,
	} {
		require.Equal(t, want, (&Login{AuthorityHost: host}).ExchangeAudience(), host)
	}
}

// What is named in a folder is meant there, unless it is named in full.
func TestNamedInAFolder(t *testing.T) {
	folder := t.TempDir()
	require.Equal(t, "f", pathIn("", "f"))
	require.Equal(t, filepath.Join(folder, "f"), pathIn(folder, "f"))
	require.Equal(t, folder, pathIn(filepath.Dir(folder), folder))
	if runtime.GOOS == "windows" {
		return
	}
	shell, args := shellFor("echo a", "")
	require.Equal(t, []string{"sh", "-c", "echo a"}, append([]string{shell}, args...))
	shell, args = shellFor("echo a", folder)
	require.Equal(t, []string{"sh", "-c", `cd -- "$1" && eval "$2"`, "sh", folder, "echo a"}, append([]string{shell}, args...))
}

// A token is handed out for the audience that it is for. Entra's own stands for that of its exchange, and for no other.
func TestAssertionFor(t *testing.T) {
	jwt := func(audience string) string { return testbed.JWT(fmt.Sprintf(`{"aud":%q}`, audience)) }
	refused := errors.New("refused")
	for name, test := range map[string]struct {
		token    string
		err      error
		audience string
		want     string
	}{
		"the same":          {jwt("sigstore"), nil, "sigstore", ""},
		"another":           {jwt("sigstore"), nil, "npm", "-f has OIDC tokens for the audience sigstore only, and none for npm"},
		"Entra's":           {jwt(advice.PublicAudience), nil, advice.PublicAudience, ""},
		"Entra's own":       {jwt(exchangeID), nil, advice.PublicAudience, ""},
		"its own elsewhere": {jwt(exchangeID), nil, "npm", "none for npm"},
		"another for Entra": {jwt("npm"), nil, advice.PublicAudience, "none for " + advice.PublicAudience},
		"no token":          {"<html>", nil, "npm", "-f"},
		"none":              {"", refused, "npm", "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &Login{AuthorityHost: "https://login.microsoftonline.com/", named: &namedSource{flag: "-f", assertion: func(context.Context) (string, error) { return test.token, test.err }}}
			got, err := l.AssertionFor(t.Context(), test.audience)
			if test.want == "" {
				require.NoError(t, err)
				require.Equal(t, test.token, got)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.Empty(t, got)
			require.Equal(t, test.err != nil, errors.Is(err, refused))
			require.Equal(t, name == "no token", errors.As(err, new(*azoidc.AssertionError)))
		})
	}
}

// What is missing, or isn't what it should be, is all named.
func TestCheck(t *testing.T) {
	ids := []string{"-tenant-id=72f988bf-86f1-41af-91ab-2d7cd011db47", "-client-id=72f988bf-86f1-41af-91ab-2d7cd011db47"}
	for name, test := range map[string]struct {
		env  ci.Variables
		args []string
		want []string
	}{
		"well":          {github, ids, nil},
		"no IDs":        {github, nil, []string{"pass -tenant-id or set AZURE_TENANT_ID", "pass -client-id or set AZURE_CLIENT_ID"}},
		"no URL":        {github[1:], ids, []string{"ACTIONS_ID_TOKEN_REQUEST_URL"}},
		"no token":      {github[:1], ids, []string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN"}},
		"not a tenant":  {github, append([]string{"-client-id=" + ids[1][len("-client-id="):]}, "-tenant-id=a/b"), []string{"-tenant-id"}},
		"a file":        {nil, append([]string{"-assertion-file=f"}, ids...), nil},
		"a file, no ID": {nil, []string{"-assertion-file=f", ids[0]}, []string{"pass -client-id"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogin(t, test.env, test.args...)
			require.Equal(t, "https://login.microsoftonline.com/", l.AuthorityHost)
			err := l.Check()
			require.Equal(t, test.want == nil, err == nil, err)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
	l := newLogin(t, github, "-authority-host=https://login.example//")
	require.Equal(t, "https://login.example/", l.AuthorityHost)
}
