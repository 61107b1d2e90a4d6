package guides_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/acceptance/internal/markdown"
)

// sources are the folders, from the repository's root, whose tests run what the guides show.
var sources = []string{"acceptance/guides", "examples/deploytool", "examples/signin"}

// TestGoIsRun: each piece of Go in a guide is one of a file whose tests run it. Programs are run by TestPrograms.
func TestGoIsRun(t *testing.T) {
	var code strings.Builder
	for _, folder := range sources {
		paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, paths, folder)
		for _, path := range paths {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			for line := range strings.Lines(string(content)) {
				code.WriteString(strings.TrimLeft(line, "\t"))
			}
		}
	}
	pieces := 0
	for _, b := range in(t, "go") {
		if isProgram(b) {
			continue
		}
		var wanted strings.Builder
		for line := range strings.Lines(b.Text) {
			wanted.WriteString(strings.TrimLeft(line, "\t"))
		}
		if !strings.Contains(code.String(), wanted.String()) {
			t.Errorf("%s is in none of %s:\n%s", b.At(), sources, b.Text)
		}
		pieces++
	}
	require.Greater(t, pieces, 10)
}

func isProgram(b markdown.Block) bool { return strings.HasPrefix(b.Text, "package main\n") }

// TestPrograms builds and runs the programs, as they are, in a job.
func TestPrograms(t *testing.T) {
	ran := 0
	for _, b := range in(t, "go") {
		if !isProgram(b) {
			continue
		}
		ran++
		t.Run(b.At(), func(t *testing.T) {
			folder := t.TempDir()
			source, program := filepath.Join(folder, "main.go"), filepath.Join(folder, "program")
			require.NoError(t, os.WriteFile(source, []byte(b.Text), 0o600))
			said, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, source).CombinedOutput()
			require.NoError(t, err, "%s", said)
			j := newJob(t)
			j.createGroup("my-group")
			printed, err := j.run(program)
			require.NoError(t, err, "%s", printed)
			require.Positive(t, j.cloud.Service("https://management.azure.com").Hits())
			require.Zero(t, j.cloud.Service("https://management.azure.com").Refusals())
		})
	}
	require.Equal(t, 1, ran)
}
