//go:build !windows

package proc_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

func TestAFileThatIsNotThereIsNotBeingReplaced(t *testing.T) {
	_, err := os.ReadFile(t.TempDir() + "/token")
	require.False(t, proc.BeingReplaced(err))
	require.False(t, proc.BeingReplaced(os.ErrPermission))
}
