package joblog

import (
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who doesn't read the standard error doesn't get the token.
func TestTheMaskIsWaitedFor(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only there it can be seen without a runner")
	}
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = reader.Close() }()
	_, err = writer.WriteString("unread")
	require.NoError(t, err)
	require.ErrorIs(t, taken(writer, time.Now().Add(20*time.Millisecond)), errNotTaken)
	_, err = io.ReadFull(reader, make([]byte, len("unread")))
	require.NoError(t, err)
	require.NoError(t, taken(writer, time.Now().Add(20*time.Millisecond)))
}
