package guides_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/acceptance/internal/markdown"
)

// elsewhere says who runs the blocks that nothing in this package does, by page and language.
var elsewhere = map[string]map[string]string{
	"docs/other-ci.md": {
		"sh":   "cmd/azoidc: TestOtherCISystems",
		"yaml": "cmd/azoidc: TestOtherCISystems, as far as it is azoidc's",
	},
	"docs/terraform.md":       {"hcl": "acceptance: TestTerraformGuide, with terraform/run"},
	"docs/releases.md":        {"sh": "the release; .ci/reproducible and .ci/rebuild run its go install"},
	"docs/troubleshooting.md": {"sh": "internal/advice: TestAShellTakesTheCommands, TestPythonReadsTheLiteral"},
	"docs/live.md":            {"sh": "needs a tenant: who owns the live tests runs it once"},
}

// TestEveryBlockIsChecked by something, so that whoever adds one also says what runs it.
func TestEveryBlockIsChecked(t *testing.T) {
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			_, other := elsewhere[page][b.Language]
			runs := scripts[page] != nil
			switch b.Language {
			case "go":
			case "yaml":
				kind, err := b.Kind()
				require.NoError(t, err)
				require.True(t, kind != markdown.Other != other, "%s: neither a workflow nor a pipeline", b.At())
			case "sh", "powershell":
				require.True(t, runs != other, "%s: scripts or elsewhere must tell who runs this", b.At())
			case "": // a drawing
			default:
				require.True(t, other, "%s: nothing runs %q", b.At(), b.Language)
			}
		}
	}
}
