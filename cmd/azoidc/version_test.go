package main

import (
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersion(t *testing.T) {
	requireBinary(t)
	for _, flag := range []string{"version", "-version", "--version"} {
		output, err := exec.Command(binary, flag).Output()
		require.NoError(t, err)
		require.Regexp(t, `^azoidc v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(, commit [0-9a-f]{40}( with changes)?)?, `+
			runtime.Version()+", "+runtime.GOOS+"/"+runtime.GOARCH+"\n$", string(output))
	}
	require.Equal(t, exitNotWell, (&program{stdout: brokenPipe{}, stderr: brokenPipe{}}).run(t.Context(), []string{"version"}))
}
