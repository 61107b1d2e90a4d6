package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvironment(t *testing.T) {
	env := environment{"A=1", "B= 2\n", "A=3", "EMPTY=", "T=True", "F=0", "=C:=C:\\"}
	require.Equal(t, "3", env.get("A"))
	require.Equal(t, "2", env.get("B"))
	require.Empty(t, env.get("C"))
	require.Equal(t, "2", env.first("EMPTY", "B", "A"))
	require.True(t, env.isTrue("T"))
	require.False(t, env.isTrue("F"))
	require.False(t, env.isTrue("B"))
	require.Equal(t, environment{"B= 2\n", "EMPTY=", "T=True", "F=0", "=C:=C:\\"}, env.without("A", "Z"))
	require.Equal(t, environment{"X=1", "A=4"}, environment{"A=1", "X=1", "A=2"}.with(map[string]string{"A": "4"}))
}
