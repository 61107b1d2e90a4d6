package guides_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTerraformGuide holds docs/terraform.md to what terraform/run runs: the blocks for Terraform are in its configurations.
func TestTerraformGuide(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(root, "acceptance", "terraform", "*", "main.tf"))
	require.NoError(t, err)
	require.Len(t, paths, 3)
	var configurations strings.Builder
	for _, path := range paths {
		configuration, err := os.ReadFile(path)
		require.NoError(t, err)
		configurations.Write(configuration)
	}
	ran := 0
	for _, b := range in(t, "hcl") {
		if strings.HasPrefix(b.Text, "source ") {
			continue // Packer's
		}
		require.Contains(t, configurations.String(), b.Text, b.At())
		ran++
	}
	require.Equal(t, 2, ran)
}
