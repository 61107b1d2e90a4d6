package proc_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

const generationVariable = "AZOIDC_TEST_GENERATION"

// TestGeneration isn't a test but the processes of the others: a command, which starts a grandchild and tells its ID, and the
// grandchild.
func TestGeneration(t *testing.T) {
	switch os.Getenv(generationVariable) {
	case "command":
		grandchild := generation("grandchild")
		require.NoError(t, grandchild.Start())
		_, err := os.Stdout.WriteString(strconv.Itoa(grandchild.Process.Pid) + "\n")
		require.NoError(t, err)
		os.Exit(7)
	case "grandchild":
		time.Sleep(time.Hour)
	case "parent":
		cmd := generation("grandchild")
		group := proc.NewGroup(cmd)
		require.NoError(t, group.Start())
		_, err := os.Stdout.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
		require.NoError(t, err)
		_ = group.Wait()
	default:
		t.Skip("is for the other tests")
	}
}

func generation(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestGeneration$")
	cmd.Env = append(os.Environ(), generationVariable+"="+role)
	return cmd
}

// TestGroupEndsGrandchildren that the command has left running.
func TestGroupEndsGrandchildren(t *testing.T) {
	cmd := generation("command")
	group := proc.NewGroup(cmd)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, group.Start())
	grandchild := readProcess(t, bufio.NewReader(stdout))
	require.Error(t, group.Wait())
	require.Equal(t, 7, proc.ExitStatus(cmd.ProcessState))
	require.True(t, runs(grandchild))
	group.End()
	require.Eventually(t, func() bool { return !runs(grandchild) }, 10*time.Second, 10*time.Millisecond)
}

// TestGroupDiesWithItsProgram when that is killed.
func TestGroupDiesWithItsProgram(t *testing.T) {
	parent := generation("parent")
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	child := readProcess(t, bufio.NewReader(stdout))
	require.True(t, runs(child))
	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	require.Eventually(t, func() bool { return !runs(child) }, 10*time.Second, 10*time.Millisecond)
}

func readProcess(t *testing.T, from *bufio.Reader) *os.Process {
	t.Helper()
	line, err := from.ReadString('\n')
	require.NoError(t, err)
	id, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	process, err := os.FindProcess(id) // which holds on to it
	require.NoError(t, err)
	return process
}

func runs(process *os.Process) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = process.Wait()
	}()
	select {
	case <-ended:
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}
