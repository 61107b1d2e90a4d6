package guides_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTerraformGuide holds docs/terraform.md to what terraform/run and packer/run run: the blocks for Terraform are in the
// former's configurations, and the settings of Packer's are given to its plugin by the latter.
func TestTerraformGuide(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(root, "acceptance", "terraform", "*", "main.tf"))
	require.NoError(t, err)
	require.Len(t, paths, 6)
	var configurations strings.Builder
	for _, path := range paths {
		configuration, err := os.ReadFile(path)
		require.NoError(t, err)
		configurations.Write(configuration)
	}
	packer, err := os.ReadFile(filepath.Join(root, "acceptance", "packer", "main.go"))
	require.NoError(t, err)
	ran, settings := 0, 0
	for _, b := range in(t, "hcl") {
		if strings.HasPrefix(b.Text, "source ") {
			for _, setting := range regexp.MustCompile(`(?m)^ +(\w+) +=`).FindAllStringSubmatch(b.Text, -1) {
				require.Contains(t, string(packer), `"`+setting[1]+`":`, b.At())
				settings++
			}
			continue
		}
		require.Contains(t, configurations.String(), b.Text, b.At())
		ran++
	}
	require.Equal(t, 2, ran)
	require.Equal(t, 5, settings)
}
