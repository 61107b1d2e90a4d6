// Package pipelines_test holds the templates for Azure Pipelines to what the agent does with them: their expressions are
// expanded, their scripts run, and what they print is read by the agent's rules. Tasks and agents themselves can't be had
// here.
package pipelines_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const connection = "my-service-connection"

func steps(t *testing.T, more map[string]any) []map[string]any {
	t.Helper()
	arguments := map[string]any{"serviceConnection": connection, "steps": []any{map[string]any{"script": "az group list"}}}
	for name, value := range more {
		arguments[name] = value
	}
	return expandSteps(t, "azoidc.yml", arguments)
}

func named(t *testing.T, all []map[string]any, name string) map[string]any {
	t.Helper()
	for _, step := range all {
		if step["displayName"] == name {
			return step
		}
	}
	t.Fatalf("no step %s", name)
	return nil
}

func names(all []map[string]any) []any {
	var found []any
	for _, step := range all {
		if name, ok := step["displayName"]; ok {
			found = append(found, name)
			continue
		}
		found = append(found, step["script"])
	}
	return found
}

func TestSteps(t *testing.T) {
	all := steps(t, nil)
	require.Equal(t, []any{"azoidc, the program", "azoidc start", "az login", "az group list", "az logout", "azoidc stop"}, names(all))
	for _, step := range all {
		if name := step["displayName"]; name == "az logout" || name == "azoidc stop" {
			require.Equal(t, "always()", step["condition"], name)
		} else {
			require.NotContains(t, step, "condition", name)
		}
	}
	start := named(t, all, "azoidc start")
	require.Equal(t, "AzureCLI@2", start["task"])
	require.Equal(t, connection, start["inputs"].(map[string]any)["azureSubscription"])
	require.Equal(t, "$(System.AccessToken)", start["env"].(map[string]any)["SYSTEM_ACCESSTOKEN"])
	for _, step := range all {
		if env, ok := step["env"].(map[string]any); ok && step["displayName"] != "azoidc start" {
			require.NotContains(t, env, "SYSTEM_ACCESSTOKEN")
		}
	}
	require.Equal(t, []any{"azoidc, the program", "azoidc start", "az group list", "azoidc stop"}, names(steps(t, map[string]any{"azLogin": false})))
}

// Each of the pipeline's jobs keeps what it has, and its steps are between those of the template.
func TestExtends(t *testing.T) {
	jobs := expandJobs(t, "azoidc-extends.yml", map[string]any{"serviceConnection": connection, "azLogin": false, "scopes": []any{"a", "b"}, "jobs": []any{
		map[string]any{"job": "build", "pool": map[string]any{"vmImage": "ubuntu-latest"}, "steps": []any{map[string]any{"script": "make"}}},
		map[string]any{"job": "deploy", "dependsOn": "build", "steps": []any{map[string]any{"script": "one"}, map[string]any{"script": "two"}}},
	}})
	require.Len(t, jobs, 2)
	require.Equal(t, map[string]any{"vmImage": "ubuntu-latest"}, jobs[0]["pool"])
	require.Equal(t, "build", jobs[1]["dependsOn"])
	require.Equal(t, []any{"azoidc, the program", "azoidc start", "make", "azoidc stop"}, names(jobs[0]["steps"].([]map[string]any)))
	deploy := jobs[1]["steps"].([]map[string]any)
	require.Equal(t, []any{"azoidc, the program", "azoidc start", "one", "two", "azoidc stop"}, names(deploy))
	require.Equal(t, "a b", named(t, deploy, "azoidc start")["env"].(map[string]any)["AZOIDC_SCOPES"])
}

// Parameters are free text: none is part of a script, neither by an expression nor by a macro.
func TestNoParameterIsPartOfAScript(t *testing.T) {
	scripts := 0
	for _, name := range []string{"azoidc.yml", "azoidc-extends.yml"} {
		content, err := os.ReadFile(filepath.Join(templates, name))
		require.NoError(t, err)
		for _, script := range regexp.MustCompile(`(?ms)^( *)(?:- )?(?:bash|inlineScript): \|\n((?:(?: *\n)|(?: +[^\n]*\n))*?)^\s{0,10}(?:displayName|env|condition):`).FindAllStringSubmatch(string(content), -1) {
			scripts++
			require.NotContains(t, script[2], "${{")
			require.NotContains(t, script[2], "$(")
		}
	}
	require.Equal(t, 4, scripts)
}

// program is an azoidc that only notes its arguments, one a line.
func program(t *testing.T, name string) (path, noted string) {
	t.Helper()
	folder := t.TempDir()
	path, noted = filepath.Join(folder, name), filepath.Join(folder, "noted")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\nprintf '%%s\\n' \"$@\" >>'%s'\n", noted), 0o700))
	return path, noted
}

func TestProgramIsTheOneThatIsNamed(t *testing.T) {
	for _, name := range []string{"azoidc", "with space", "semi;colon", "brac]ket", "per%cent%AZP25%0A", "##vso[task.prependpath]x", "new\nline ##vso[task.complete]", "dollar$(id)`id`"} {
		path, _ := program(t, name)
		a := newAgent(t, nil)
		require.NoError(t, a.run(named(t, steps(t, map[string]any{"binary": path}), "azoidc, the program"), nil), "%s", &a.log)
		require.Equal(t, []command{{"task.setvariable", map[string]string{"variable": "AZOIDC_BINARY"}, path}}, a.commands)
		require.Empty(t, a.log.String())
	}
}

func TestProgramThatIsMissing(t *testing.T) {
	a := newAgent(t, nil)
	require.Error(t, a.run(named(t, steps(t, map[string]any{"binary": "/nowhere/azoidc"}), "azoidc, the program"), nil))
	require.Equal(t, "the parameter binary: there is no program at this path\n", a.log.String())
	require.Empty(t, a.commands)
}

// A release is downloaded, and used only with its checksum; curl is one that has the release.
func TestProgramOfTheRelease(t *testing.T) {
	content := "#!/bin/sh\n"
	bin := t.TempDir()
	asked := filepath.Join(bin, "asked")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "curl"), []byte(`#!/bin/sh
printf '%s\n' "$@" >'`+asked+`'
while [ "$1" != --output ]; do shift; done
printf '#!/bin/sh\n' >"$2"
`), 0o700))
	released := func(checksum string) map[string]any {
		step := named(t, steps(t, nil), "azoidc, the program")
		env := step["env"].(map[string]any)
		env["AZOIDC_VERSION"], env["AZOIDC_LINUX_ARM64"] = "1.2.3", checksum
		return step
	}
	env := map[string]string{"PATH": bin + ":" + os.Getenv("PATH"), "AGENT_OS": "Linux", "AGENT_OSARCHITECTURE": "ARM64"}

	a := newAgent(t, env)
	require.NoError(t, a.run(released(fmt.Sprintf("%x", sha256.Sum256([]byte(content)))), nil), "%s", &a.log)
	require.FileExists(t, a.variables["AZOIDC_BINARY"])
	arguments, err := os.ReadFile(asked)
	require.NoError(t, err)
	require.Contains(t, string(arguments), "https://github.com/azoidc/azoidc/releases/download/v1.2.3/azoidc_1.2.3_linux_arm64\n")

	a = newAgent(t, env)
	require.Error(t, a.run(released(fmt.Sprintf("%x", sha256.Sum256([]byte("another")))), nil))
	require.Contains(t, a.log.String(), "isn't the release's")
	require.Empty(t, a.commands)

	env["AGENT_OS"] = "Windows_NT"
	a = newAgent(t, env)
	require.Error(t, a.run(released(""), nil))
	require.Contains(t, a.log.String(), "use 'azoidc exec' on this system")
}

// The template's checksums are those that the action has.
func TestReleaseIsTheActions(t *testing.T) {
	content, err := os.ReadFile("../../action/release.json")
	require.NoError(t, err)
	env := named(t, steps(t, nil), "azoidc, the program")["env"].(map[string]any)
	version := env["AZOIDC_VERSION"].(string)
	if version == "" {
		require.Contains(t, string(content), `"version": null`)
		return
	}
	require.Contains(t, string(content), `"version": "`+version+`"`)
	for _, platform := range []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"} {
		require.Contains(t, string(content), fmt.Sprintf("%q: %q", platform, env["AZOIDC_"+strings.ToUpper(platform)]))
	}
}

func TestStartArguments(t *testing.T) {
	path, noted := program(t, "azoidc")
	a := newAgent(t, map[string]string{"AZOIDC_BINARY": path})
	require.NoError(t, a.run(named(t, steps(t, map[string]any{
		"name": "one two; id", "scopes": []any{"https://vault.azure.net/.default", "*", "$(id)", "`id`", "-o=json"},
	}), "azoidc start"), nil), "%s", &a.log)
	arguments, err := os.ReadFile(noted)
	require.NoError(t, err)
	require.Equal(t, "start\n-name=one two; id\n-o=azure\n-scope=https://vault.azure.net/.default\n-scope=*\n-scope=$(id)\n-scope=`id`\n-scope=-o=json\n", string(arguments))
}

func TestStopAfterANeverStartedOne(t *testing.T) {
	a := newAgent(t, nil)
	require.NoError(t, a.run(named(t, steps(t, nil), "azoidc stop"), nil), "%s", &a.log)
	require.Empty(t, a.log.String())
}
