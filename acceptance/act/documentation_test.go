package act_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type declaration struct {
	Inputs, Outputs map[string]any
}

func readDeclaration(t *testing.T) declaration {
	t.Helper()
	content, err := os.ReadFile("../../action.yml")
	require.NoError(t, err)
	var declared declaration
	require.NoError(t, yaml.Unmarshal(content, &declared))
	return declared
}

// The guide tells of each input. That its workflows are valid, guides.TestWorkflows says.
func TestGuideTellsOfEachInput(t *testing.T) {
	guide, err := os.ReadFile("../../docs/action.md")
	require.NoError(t, err)
	for input := range readDeclaration(t).Inputs {
		require.Contains(t, string(guide), "`"+input, "the guide doesn't tell of the input")
	}
}

// The tests' own workflows are valid, action.yml included.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	lint(t, files...)
}

func lint(t *testing.T, files ...string) {
	t.Helper()
	args := append([]string{"run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"}, files...)
	said, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// Each action that a workflow of this repository uses is one commit, whatever becomes of its tags.
func TestActionsArePinned(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	require.NoError(t, err)
	uses := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(content)) {
			if _, action, ok := strings.Cut(line, "uses: "); ok {
				uses++
				require.Regexp(t, `^[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n$`, action, file)
			}
		}
	}
	require.Greater(t, uses, 10)
}
