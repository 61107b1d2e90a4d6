package tokenserver_test

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/tokenserver"
)

// Where few files may be open, half of them are for strangers and a quarter for those admitted, but there is room for one.
func TestRoomInFewFiles(t *testing.T) {
	for files, want := range map[uint64][2]int{400: {200, 100}, 3: {1, 1}, 0: {1, 1}} {
		var strangers, admitted int
		withFiles(t, files, func() { strangers, admitted = tokenserver.Room() })
		require.Equal(t, want, [2]int{strangers, admitted})
	}
}

func TestStartWithoutFiles(t *testing.T) {
	for _, networks := range [][]netip.Prefix{nil, {netip.MustParsePrefix("127.0.0.2/8")}} {
		var err error
		withFiles(t, 0, func() { _, err = tokenserver.Start(&source{}, &tokenserver.Options{Containers: networks}) })
		require.ErrorIs(t, err, syscall.EMFILE)
	}
}

// withFiles runs do while this process may have only so many files open.
func withFiles(t *testing.T, files uint64, do func()) {
	t.Helper()
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: before.Max}))
	do()
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before))
}
