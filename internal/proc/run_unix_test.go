//go:build unix

package proc_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
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

// Where there are too few files for a second pipe, the first is closed again.
func TestRunWithTooFewFiles(t *testing.T) {
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	var pipes [4]int
	require.NoError(t, syscall.Pipe(pipes[:2]))
	require.NoError(t, syscall.Pipe(pipes[2:]))
	for _, file := range pipes {
		require.NoError(t, syscall.Close(file))
	}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(pipes[2]), Max: before.Max}))
	cmd := exec.Command("true")
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	failed := proc.Run(cmd)
	again := syscall.Pipe(pipes[:2])
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))
	require.ErrorIs(t, failed, syscall.EMFILE)
	require.NoError(t, again)
	require.NoError(t, errors.Join(syscall.Close(pipes[0]), syscall.Close(pipes[1])))
}
