package proc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A program's name can hold whatever makes the line look otherwise.
func TestReadStat(t *testing.T) {
	const rest = " S 1 71 71 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 6 7"
	listed, err := readStat(71, "71 (a) S 2 (b c) 9)"+rest)
	require.NoError(t, err)
	require.Equal(t, "a) S 2 (b c) 9", listed.Name)
	require.True(t, listed.LeadsSession)
	require.Equal(t, 1, listed.parent)
	require.Equal(t, int64(12345), listed.began)
	_, err = readStat(71, "71 (a) Z 1 71 71 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 6 7")
	require.ErrorIs(t, err, errEnded)
	for _, stat := range []string{"", "71", "71 (a", ") (", "71 (a) S 1"} {
		_, err := readStat(71, stat)
		require.Error(t, err, stat)
	}
}
