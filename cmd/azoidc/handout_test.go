package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestHandout(t *testing.T) {
	t.Parallel()
	endpoint := &supply{
		env:        map[string]string{"IDENTITY_ENDPOINT": "http://127.0.0.1:1", "ARM_USE_MSI": "true"},
		credential: "ManagedIdentityCredential", clientID: "me",
	}
	env := ci.Variables{
		"ARM_USE_MSI=true", "AZURE_CLIENT_ID=other", "AZURE_TOKEN_CREDENTIALS=GitHubActionsCredential", "HTTP_PROXY=http://proxy",
		"AZURE_FEDERATED_TOKEN_FILE=/another", "ARM_OIDC_TOKEN=", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret", "PATH=/bin", `=C:=C:\azoidc`, "=::=x",
	}
	for form, unset := range map[string][]string{
		formSh:     {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AZURE_FEDERATED_TOKEN_FILE"},
		formJSON:   {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AZURE_FEDERATED_TOKEN_FILE"},
		formGitHub: {"AZURE_FEDERATED_TOKEN_FILE"}, // the system gives each step its own request token
		formAzure:  {"AZURE_FEDERATED_TOKEN_FILE"},
	} {
		h := newHandout(env, endpoint, form, false)
		require.Equal(t, unset, h.Unset, form)
		require.Equal(t, "http://127.0.0.1:1", h.Set["IDENTITY_ENDPOINT"])
		require.Equal(t, "me", h.Set["AZURE_CLIENT_ID"])
		require.Equal(t, "ManagedIdentityCredential", h.Set["AZURE_TOKEN_CREDENTIALS"])
		require.Contains(t, toEnvironment(h.Set).First("NO_PROXY", "no_proxy"), "127.0.0.1") // on Windows either is both
		require.NotContains(t, h.Set, "ARM_USE_MSI", "it is so already")
		require.NotContains(t, h.Set, "PATH")
		require.NotContains(t, h.Set, "", "Windows' folders by drive")
	}
	twice := append(env, "AZURE_FEDERATED_TOKEN_FILE=/another")
	require.Equal(t, []string{"AZURE_FEDERATED_TOKEN_FILE"}, newHandout(twice, endpoint, formSh, true).Unset)
}

// In a job of GitHub's, a step that asks GitHub itself, for whichever audience, goes on doing so beside the request endpoint.
func TestHandoutOfRequestEndpoint(t *testing.T) {
	endpoint := &supply{env: map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/oidc", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "ours",
		"ARM_OIDC_REQUEST_URL": "http://127.0.0.1:1/oidc", "ARM_OIDC_REQUEST_TOKEN": "ours",
	}}
	gitHub := ci.Variables{"ACTIONS_ID_TOKEN_REQUEST_URL=https://github.test/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=theirs"}
	for _, test := range []struct {
		form       string
		env        ci.Variables
		leftToThem bool
	}{
		{formGitHub, gitHub, true},
		{formGitHub, nil, false}, // a job without id-token: write, whose tokens come from a command
		{formAzure, nil, false},
		{formSh, gitHub, false},
		{formJSON, gitHub, false},
	} {
		h := newHandout(test.env, endpoint, test.form, false)
		require.Equal(t, "ours", h.Set["ARM_OIDC_REQUEST_TOKEN"], test.form)
		for _, name := range []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
			require.NotContains(t, h.Unset, name, test.form)
			if test.leftToThem {
				require.NotContains(t, h.Set, name, test.form)
			} else {
				require.Equal(t, endpoint.env[name], h.Set[name], test.form)
			}
		}
	}
}

func TestHandoutForms(t *testing.T) {
	t.Parallel()
	h := handout{Set: map[string]string{"B": "it's", "A": "1"}, Unset: []string{"C"}}
	for form, want := range map[string]string{
		formSh:         "export A='1'\nexport B='it'\\''s'\nunset C\n",
		formPowerShell: "$env:A = '1'\n$env:B = 'it''s'\nRemove-Item Env:C -ErrorAction SilentlyContinue\n",
	} {
		lines, err := h.lines(form)
		require.NoError(t, err)
		require.Equal(t, want, lines)
	}
	document, err := h.lines(formJSON)
	require.NoError(t, err)
	var back handout
	require.NoError(t, json.Unmarshal([]byte(document), &back))
	require.Equal(t, h, back)
	curly, err := handout{Set: map[string]string{"A": "‘x’; Remove-Item /"}}.lines(formPowerShell)
	require.NoError(t, err)
	require.Equal(t, "$env:A = '‘‘x’’; Remove-Item /'\n", curly)
}

// A value that a log could take for a command isn't printed, and the CI systems' own forms hold it so that it is none.
func TestHandoutOfHostileValues(t *testing.T) {
	t.Parallel()
	for name, value := range testbed.Hostile {
		if value == "evil-<script>alert(1)</script>" || strings.HasPrefix(value, "evil-%0A") {
			continue // nothing to a log
		}
		t.Run(name, func(t *testing.T) {
			h := handout{Set: map[string]string{"NO_PROXY": value}}
			for _, form := range []string{formSh, formPowerShell, formJSON} {
				_, err := h.lines(form)
				require.ErrorContains(t, err, "NO_PROXY")
				testbed.RequireHarmless(t, err.Error())
			}
		})
	}
}

// What sh makes of the lines is what was meant, whatever is in a value.
func TestHandoutInSh(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	const value = `a 'b' "c" $HOME $(touch pwned) \ ; & * ü`
	lines, err := handout{Set: map[string]string{"VALUE": value}}.lines(formSh)
	require.NoError(t, err)
	dir := t.TempDir()
	cmd := exec.Command(sh, "-c", `eval "$1"; printf %s "$VALUE"`, "sh", lines)
	cmd.Dir = dir
	output, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, value, string(output))
	require.NoFileExists(t, filepath.Join(dir, "pwned"))
}

// The masks are out before anything that they mask.
func TestMasksComeFirst(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "env")
	p := &program{env: ci.Variables{"GITHUB_ENV=" + file}, direct: streams{stdout: brokenPipe{}}}
	require.Error(t, p.give(handout{Set: map[string]string{"A": "secret"}, secrets: []string{"secret"}}, formGitHub))
	require.NoFileExists(t, file)
	p = &program{env: ci.Variables{"GITHUB_ACTIONS=true"}, direct: streams{os.Stdout, brokenPipe{}}}
	require.Error(t, p.give(handout{Set: map[string]string{"A": "secret"}, secrets: []string{"secret"}}, formSh))
}

// A handout that can't be given is no handout, wherever it was to go.
func TestHandoutThatCannotBeGiven(t *testing.T) {
	t.Parallel()
	h := handout{Set: map[string]string{"A": "b"}}
	p := &program{direct: streams{brokenPipe{}, brokenPipe{}}}
	for _, form := range []string{formAzure, formSh, formPowerShell, formJSON} {
		require.EqualError(t, p.give(h, form), "broken pipe", form)
	}
	var stdout strings.Builder
	p.direct.stdout = &stdout
	require.ErrorContains(t, p.give(handout{Set: map[string]string{"A": "b\nc"}}, formSh), "the value of A")
	require.Empty(t, stdout.String())
}

// Variables are added to what earlier steps have given, and the file is nobody else's.
func TestAppendTo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "env")
	for _, line := range []string{"A=b\n", "C=d\n"} {
		require.NoError(t, appendTo(file, line))
	}
	require.Equal(t, "A=b\nC=d\n", readFile(t, file))
	if runtime.GOOS != "windows" {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.Error(t, appendTo(t.TempDir(), "A=b"))
	if _, err := os.Stat("/dev/full"); err == nil {
		require.ErrorContains(t, appendTo("/dev/full", "A=b"), "no space left")
	}
}
