package proc_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

func TestAFileThatSomebodyHasForHimself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	name, err := syscall.UTF16PtrFromString(path)
	require.NoError(t, err)
	handle, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.CREATE_NEW, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	require.NoError(t, err)
	_, err = os.ReadFile(path)
	require.True(t, proc.BeingReplaced(err), "%v", err)
	require.NoError(t, syscall.CloseHandle(handle))
	_, err = os.ReadFile(path)
	require.NoError(t, err)
	_, err = os.ReadFile(path + " of another name")
	require.False(t, proc.BeingReplaced(err), "%v", err)
}
