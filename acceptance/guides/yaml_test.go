package guides_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/azoidc/azoidc/acceptance/internal/markdown"
)

// aroundSteps makes a workflow of steps alone.
const aroundSteps = "on: push\npermissions:\n  id-token: write\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n"

// TestWorkflows are valid ones of GitHub Actions, and give the action only inputs that it has. Pipelines are acceptance/pipelines'.
func TestWorkflows(t *testing.T) {
	var action struct{ Inputs map[string]any }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "action.yml")), &action))
	folder := t.TempDir()
	var files []string
	for i, b := range in(t, "yaml") {
		kind, err := b.Kind()
		require.NoError(t, err)
		text := b.Text
		switch kind {
		case markdown.Workflow:
		case markdown.Steps:
			text = aroundSteps
			for line := range strings.Lines(b.Text) {
				text += "      " + line
			}
		default:
			continue
		}
		for _, step := range stepsOf(t, text) {
			if strings.HasPrefix(step.Uses, "azoidc/azoidc@") {
				for input := range step.With {
					require.Contains(t, action.Inputs, input, b.At())
				}
			}
		}
		name := fmt.Sprintf("%02d-%s-%d.yml", i, strings.ReplaceAll(b.Page, "/", "-"), b.Line)
		files = append(files, filepath.Join(folder, name))
		require.NoError(t, os.WriteFile(files[len(files)-1], []byte(text), 0o600))
	}
	require.Greater(t, len(files), 5)
	said, err := exec.CommandContext(t.Context(), "go", append([]string{"run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", said)
}

type step struct {
	Uses string
	With map[string]any
}

func stepsOf(t *testing.T, workflow string) []step {
	t.Helper()
	var parsed struct {
		Jobs map[string]struct{ Steps []step }
	}
	require.NoError(t, yaml.Unmarshal([]byte(workflow), &parsed))
	var all []step
	for _, job := range parsed.Jobs {
		all = append(all, job.Steps...)
	}
	require.NotEmpty(t, all)
	return all
}
