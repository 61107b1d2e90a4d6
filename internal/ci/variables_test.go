package ci_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

func TestVariables(t *testing.T) {
	env := ci.Variables{"A=1", "B= 2\n", "A=3", "EMPTY=", "T=True", "F=0", "=C:=C:\\"}
	require.Equal(t, "3", env.Get("A"))
	require.Equal(t, "2", env.Get("B"))
	require.Empty(t, env.Get("C"))
	require.Equal(t, "2", env.First("EMPTY", "B", "A"))
	value, set := env.Look("B")
	require.Equal(t, " 2\n", value)
	require.True(t, set)
	_, set = env.Look("EMPTY")
	require.True(t, set)
	_, set = env.Look("C")
	require.False(t, set)
	value, from := env.Unless("-flag", "given", []string{"A"})
	require.Equal(t, []string{"given", "-flag"}, []string{value, from})
	value, from = env.Unless("-flag", "", []string{"EMPTY", "A"})
	require.Equal(t, []string{"3", "EMPTY or A"}, []string{value, from})
	require.True(t, env.IsTrue("T"))
	require.False(t, env.IsTrue("F"))
	require.False(t, env.IsTrue("B"))
	require.Equal(t, ci.Variables{"B= 2\n", "EMPTY=", "T=True", "F=0", "=C:=C:\\"}, env.Without("A", "Z"))
	require.Equal(t, ci.Variables{"X=1", "A=4"}, ci.Variables{"A=1", "X=1", "A=2"}.With(map[string]string{"A": "4"}))
}

// On Windows a name has many spellings.
func TestSameVariable(t *testing.T) {
	require.True(t, ci.SameVariable("Path", "Path"))
	require.Equal(t, runtime.GOOS == "windows", ci.SameVariable("Path", "PATH"))
}
