package ci_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/testbed"
)

// awkward are values that try to end what holds them, and to be something else behind it.
func awkward() map[string]string {
	values := maps.Clone(testbed.Hostile)
	maps.Copy(values, map[string]string{
		"plain": "http://127.0.0.1:41741/MSI/token", "empty": "", "space": "  a  ", "equals": "A=b", "block": "\nB<<END\nc\nEND\n",
		"percent": "100%;a]b%3B%5D%0A%AZP25", "line": "a\nb", "delimiter": "azoidc_", "no end": "x<<",
	})
	return values
}

// What GitHub's runner reads in the file is the one variable, with its value.
func TestGitHubTakesAnyValue(t *testing.T) {
	folder := t.TempDir()
	for name, value := range awkward() {
		t.Run(name, func(t *testing.T) {
			if strings.ContainsAny(value, "\r\n") {
				value = strings.NewReplacer("\r\n", "\n", "\r", "").Replace(value) // its lines end in either
			}
			file := filepath.Join(folder, "env")
			require.NoError(t, os.WriteFile(file, []byte("BEFORE=1\n"+ci.GitHubActions.Export("NAME", value)+"AFTER=2\n"), 0o600))
			require.Equal(t, map[string]string{"BEFORE": "1", "NAME": value, "AFTER": "2"}, testbed.ReadGitHubEnv(t, file))
		})
	}
	require.NotEqual(t, ci.GitHubActions.Export("A", "b"), ci.GitHubActions.Export("A", "b"), "nobody knows the next delimiter")
}

// What Azure Pipelines' agent reads in the line is the one command, with the variable's value.
func TestAzurePipelinesTakesAnyValue(t *testing.T) {
	for name, value := range awkward() {
		t.Run(name, func(t *testing.T) {
			line := ci.AzurePipelines.Export("NAME", value)
			require.Equal(t, 1, strings.Count(line, "\n"))
			var own []testbed.CICommand
			for _, command := range testbed.CICommands(line) {
				if command.System == "Azure Pipelines" {
					own = append(own, command)
				}
			}
			require.Equal(t, []testbed.CICommand{{System: "Azure Pipelines", Name: "task.setvariable",
				Properties: map[string]string{"variable": "NAME"}, Data: value}}, own)
		})
	}
}
