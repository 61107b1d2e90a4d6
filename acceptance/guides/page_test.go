package guides_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/acceptance/internal/markdown"
)

// root is the repository's.
const root = "../.."

func pages(t *testing.T) []string {
	t.Helper()
	names, err := markdown.Pages(root)
	require.NoError(t, err)
	return names
}

func blocks(t *testing.T, page string) []markdown.Block {
	t.Helper()
	found, err := markdown.Blocks(root, page)
	require.NoError(t, err)
	return found
}

// in are all pages' blocks in a language.
func in(t *testing.T, language string) []markdown.Block {
	t.Helper()
	found, err := markdown.All(root, language)
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func read(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(content)
}
