//go:build unix

package login

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/testbed"
)

// TestAFullDisk: what can't be written whole doesn't take the place of what is there, and isn't said to be written. It runs once
// more in a process whose files can't grow.
func TestAFullDisk(t *testing.T) {
	const variable = "AZOIDC_TEST_FULL_DISK"
	folder := os.Getenv(variable)
	if folder == "" {
		onAFullDisk(t, variable)
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	path := filepath.Join(folder, "token")
	require.ErrorIs(t, replace(path, "after"), syscall.EFBIG)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(content))
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1)

	err = (&Diagnosis{}).TellJob(ci.Variables{"TF_BUILD=True", "AGENT_TEMPDIRECTORY=" + folder}, io.Discard)
	require.ErrorIs(t, err, syscall.EFBIG)
	require.ErrorContains(t, err, "the run's summary")
}

func onAFullDisk(t *testing.T, variable string) {
	t.Helper()
	testbed.NotShort(t, "starts a program")
	folder := t.TempDir()
	require.NoError(t, replace(filepath.Join(folder, "token"), "before"))
	command := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -f 0 && exec "$@"`, "sh", os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), variable+"="+folder)
	output, err := command.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "--- PASS: "+t.Name())
}
