package testbed

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ReadGitHubEnv returns the variables that GitHub's runner reads in a file of GITHUB_ENV's form.
// https://github.com/actions/runner/blob/main/src/Runner.Worker/FileCommandManager.cs
func ReadGitHubEnv(t testing.TB, path string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	variables := map[string]string{}
	lines := strings.Split(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case line == "":
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			require.NotZero(t, equals, "a line without a name: %q", line)
			variables[line[:equals]] = line[equals+1:]
		case heredoc >= 0:
			name, delimiter := line[:heredoc], line[heredoc+2:]
			require.NotEmpty(t, name)
			require.NotEmpty(t, delimiter)
			var value []string
			for ; ; lines = lines[1:] {
				require.NotEmpty(t, lines, "the value of %s has no end", name)
				if lines[0] == delimiter {
					break
				}
				value = append(value, lines[0])
			}
			lines = lines[1:]
			variables[name] = strings.Join(value, "\n")
		default:
			require.Fail(t, "the runner refuses such a line", "%q", line)
		}
	}
	return variables
}
