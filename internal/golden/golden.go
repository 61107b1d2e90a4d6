// Package golden compares texts with files under testdata that people read in review. "go test -update" writes them.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// Require compares text with testdata/name.
func Require(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test -update writes it")
	if where, expected, actual := difference(strings.ReplaceAll(string(want), "\r\n", "\n"), text); where > 0 {
		require.Failf(t, "not as held", "%s:%d\nheld: %s\nnow:  %s\nIf the change is wanted, go test -update", path, where, expected, actual)
	}
}

// difference is the first line that differs, from 1; 0 when none does.
func difference(want, got string) (where int, expected, actual string) {
	wanted, gotten := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(gotten)) {
		expected, actual = lineOf(wanted, i), lineOf(gotten, i)
		if expected != actual {
			return i + 1, expected, actual
		}
	}
	return 0, "", ""
}

func lineOf(lines []string, i int) string {
	if i >= len(lines) {
		return "(the end)"
	}
	return lines[i]
}
