//go:build unix

package proc

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadPS(t *testing.T) {
	listed, err := readPS(71, "    1 Ss   Sat Nov  7 15:04:05 2026 /Applications/Runner Worker\n")
	require.NoError(t, err)
	require.Equal(t, Listed{Process: Process{ID: 71, start: "1794063845"}, Name: "Runner Worker", LeadsSession: true, parent: 1, began: 1794063845}, listed)
	_, err = readPS(71, "    1 Z    Sat Nov  7 15:04:05 2026 (defunct)\n")
	require.ErrorIs(t, err, errEnded)
	for _, output := range []string{"", "1 S", "x Ss Sat Nov 7 15:04:05 2026 sh", "1 Ss Sam Nov 7 15:04:05 2026 sh"} {
		_, err = readPS(71, output)
		require.Error(t, err, output)
	}
}

// Where both are, ps tells the same as Find.
func TestReadThisSystemsPS(t *testing.T) {
	ps := exec.Command("/bin/ps", "-o", psColumns, "-p", strconv.Itoa(os.Getpid()))
	ps.Env = []string{"LC_ALL=C", "TZ=UTC"}
	output, err := ps.Output()
	if err != nil {
		t.Skip("no ps like that here")
	}
	listed, err := readPS(os.Getpid(), string(output))
	require.NoError(t, err)
	found, err := Find(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, found.parent, listed.parent)
	require.Equal(t, found.LeadsSession, listed.LeadsSession)
}
