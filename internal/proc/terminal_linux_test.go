package proc_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/testbed"
)

const inTerminalVariable = "AZOIDC_TEST_IN_TERMINAL"

// What a terminal sends to its foreground process group reaches the command, too, for it stays in it.
func TestGroupStaysInTheTerminals(t *testing.T) {
	if os.Getenv(inTerminalVariable) != "" {
		cmd := exec.CommandContext(t.Context(), "cat")
		proc.NewGroup(cmd)
		require.False(t, cmd.SysProcAttr.Setpgid)
		return
	}
	_, screen := testbed.OpenTerminal(t)
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), inTerminalVariable+"=1")
	again.Stdin = screen
	again.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	output, err := again.CombinedOutput()
	require.NoError(t, err, string(output))
}
