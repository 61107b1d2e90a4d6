//go:build unix

package proc_test

import (
	"bytes"
	"io/fs"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/testbed"
)

// run runs script and returns what it has printed.
func run(t *testing.T, script string) (stdout, stderr string, err error) {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := shell(t.Context(), script)
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = proc.Run(cmd)
	return out.String(), problems.String(), err
}

// More than a pipe holds is read, and from both streams.
func TestRunReadsItAll(t *testing.T) {
	stdout, stderr, err := run(t, `i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "a line of fifty characters, or not many more than that"; echo x >&2; done; exit 3`)
	var ended *exec.ExitError
	require.ErrorAs(t, err, &ended)
	require.Equal(t, 3, ended.ExitCode())
	require.Equal(t, 2000, strings.Count(stdout, "\n"))
	require.Equal(t, strings.Repeat("x\n", 2000), stderr)
}

// What is left running isn't waited for.
func TestRunLeavesWhatHoldsTheOutput(t *testing.T) {
	testbed.NotShort(t, "waits half a second for the output")
	t.Parallel()
	stdout, _, err := run(t, "sleep 1000 & echo $!")
	require.NoError(t, err)
	require.NoError(t, exec.CommandContext(t.Context(), "kill", strings.TrimSpace(stdout)).Run(), "it is still there")
}

func TestRunOfNothing(t *testing.T) {
	err := proc.Run(exec.Command("/no/such/program"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}
