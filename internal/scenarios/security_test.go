package scenarios_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSecurityNamesTestsThatAreThere: each test that SECURITY.md names is one of this module's.
func TestSecurityNamesTestsThatAreThere(t *testing.T) {
	document, err := os.ReadFile("../../SECURITY.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`").FindAllStringSubmatch(string(document), -1)
	require.NotEmpty(t, named)
	tests := allTests(t)
	for _, name := range named {
		require.Contains(t, tests, "func "+name[1]+"(", "SECURITY.md names it")
	}
}

// allTests are this module's test files, one behind the other.
func allTests(t *testing.T) string {
	t.Helper()
	var tests strings.Builder
	require.NoError(t, filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		tests.Write(content)
		return err
	}))
	return tests.String()
}
