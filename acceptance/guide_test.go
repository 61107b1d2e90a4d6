package acceptance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTerraformGuide holds docs/terraform.md to what terraform/run runs: the blocks for Terraform are in its configurations.
func TestTerraformGuide(t *testing.T) {
	page, err := os.ReadFile("../docs/terraform.md")
	require.NoError(t, err)
	paths, err := filepath.Glob("terraform/*/main.tf")
	require.NoError(t, err)
	require.Len(t, paths, 3)
	var configurations strings.Builder
	for _, path := range paths {
		configuration, err := os.ReadFile(path)
		require.NoError(t, err)
		configurations.Write(configuration)
	}
	blocks := regexp.MustCompile("(?ms)^```hcl\n(.*?)^```").FindAllStringSubmatch(string(page), -1)
	ran := 0
	for _, block := range blocks {
		if strings.HasPrefix(block[1], "source ") {
			continue // Packer's
		}
		require.Contains(t, configurations.String(), block[1])
		ran++
	}
	require.Equal(t, 2, ran)
}
