//go:build !windows

package file_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/file"
)

func TestAFileThatIsNotThereIsNotBeingReplaced(t *testing.T) {
	_, err := os.ReadFile(t.TempDir() + "/token")
	require.False(t, file.BeingReplaced(err))
	require.False(t, file.BeingReplaced(os.ErrPermission))
}
