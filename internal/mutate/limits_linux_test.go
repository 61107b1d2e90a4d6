package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsLeftIsEnded(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	inside, outside := sleeping(t, folder), sleeping(t, folder+"2")
	t.Setenv(folderVariable, folder)
	started := sleeping(t, folder+"3")
	endLeft(folder)
	require.ErrorContains(t, inside.Wait(), "signal: killed")
	require.ErrorContains(t, started.Wait(), "signal: killed")
	require.NoError(t, outside.Process.Signal(syscall.Signal(0)), "it is none of ours")
	require.NoError(t, outside.Process.Kill())
	require.ErrorContains(t, outside.Wait(), "signal: killed")
}

// sleeping is a process detached from this one, whose program is in folder.
func sleeping(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	program, err := os.ReadFile(sleep)
	require.NoError(t, err)
	path := filepath.Join(folder, "sleep")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(path, program, 0o700))
	command := exec.Command(path, "3600")
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() }) // unless it has ended
	return command
}
