package acceptance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// blocks are the README's code blocks in a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllSubmatch(readme, -1) {
		found = append(found, string(match[1]))
	}
	require.NotEmpty(t, found)
	return found
}

// fragment makes a file of a block that isn't a program by itself.
const fragment = `package readme

import (
	"context"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

var (
	ctx  context.Context
	_    = azoidctest.New
	cred *azoidc.DefaultCredential
)

func readme() (any, error) {
%s
	return cred, err
}
`

// TestReadmeProgramsCompile against the SDK's clients that they use.
func TestReadmeProgramsCompile(t *testing.T) {
	for i, block := range blocks(t, "go") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if !strings.HasPrefix(block, "package ") {
				block = fmt.Sprintf(fragment, block)
			}
			file := filepath.Join(t.TempDir(), "readme.go")
			require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
			said, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
			require.NoError(t, err, "%s", said)
		})
	}
}

// TestReadmeWorkflows are valid ones of GitHub Actions.
func TestReadmeWorkflows(t *testing.T) {
	workflows := 0
	for _, block := range blocks(t, "yaml") {
		if !strings.Contains(block, "runs-on:") {
			continue // of Azure Pipelines, for which there is no checker to run here
		}
		workflows++
		file := filepath.Join(t.TempDir(), "readme.yml")
		require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
		said, err := exec.CommandContext(t.Context(), "go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", file).CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
	require.Equal(t, 1, workflows)
}
