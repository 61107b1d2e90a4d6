package proc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for size, fits := range map[int]bool{0: true, 1: true, proc.MaxFile: true, proc.MaxFile + 1: false} {
		require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
		content, err := proc.ReadFile(path)
		require.Equal(t, fits, err == nil, "%d: %v", size, err)
		require.True(t, !fits || len(content) == size)
	}
	if _, err := os.Stat("/dev/zero"); err == nil {
		_, err := proc.ReadFile("/dev/zero")
		require.ErrorContains(t, err, "/dev/zero: the file is larger than any token")
	}
	_, err := proc.ReadFile(path + " of another name")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = proc.ReadFile(t.TempDir())
	require.Error(t, err)
}
