package login

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMarkdownIsOnlyText, whatever a token says.
func TestMarkdownIsOnlyText(t *testing.T) {
	d := &Diagnosis{
		Identity: &jobIdentity{Subject: "a|b<img src=x>`c`*d*_e_[f](g)"},
		Steps:    []Step{{Name: "x|y", Result: ResultFailed, Detail: "first|\n````\nsecond"}, {Name: "z", Result: resultSkipped, Detail: "why"}},
	}
	var text strings.Builder
	require.NoError(t, d.WriteMarkdown(&text))
	require.Contains(t, text.String(), "| subject | a\\|b&lt;img src=x&gt;\\`c\\`\\*d\\*\\_e\\_\\[f\\](g) |")
	require.Contains(t, text.String(), "| ❌ | x\\|y | 0 ms | first\\| |")
	require.NotContains(t, text.String(), "must hold exactly")
	require.Contains(t, text.String(), "| ➖ | z |  | why |\n")
	require.Contains(t, text.String(), "## azoidc doctor: no CI system\n")
	require.Contains(t, text.String(), "`````text\nfirst|\n````\nsecond\n`````\n")
}
