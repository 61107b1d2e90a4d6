package login

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneLine(t *testing.T) {
	require.Equal(t, "a ::add-mask::b", oneLine("a\n::add-mask::b\r\n"))
}

// The cells of a column stand below each other whatever they hold, and what has no rows isn't there.
func TestText(t *testing.T) {
	d := &Diagnosis{
		Settings: []setting{{"A", "x&y", true}, {"B", "<z", true}, {"LONGER", "", true}, {"C", "", false}},
		Steps:    []Step{{Name: "first", Result: resultOK, Milliseconds: 12, Detail: "well"}, {Name: "second", Result: ResultFailed, Detail: "a\nb\n"}},
		Verdict:  "not well",
	}
	var text strings.Builder
	require.NoError(t, d.WriteText(&text))
	require.Equal(t, `CI system: none that azoidc knows

Settings:
  A       x&y
  B       <z
  LONGER  set
  C       missing

Steps:
  ok          12 ms  first: well
  failed       0 ms  second
           a
           b

Verdict: not well.
`, text.String())
}
