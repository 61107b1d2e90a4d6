package ci

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
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
	require.ErrorIs(t, awaitReader(writer, time.Now().Add(20*time.Millisecond)), errUnread)
	_, err = io.ReadFull(reader, make([]byte, len("unread")))
	require.NoError(t, err)
	require.NoError(t, awaitReader(writer, time.Now().Add(20*time.Millisecond)))
}

// failing fails from the nth write on.
type failing struct{ left int }

func (f *failing) Write(text []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(text), nil
}

func TestTellJobLog(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	require.NoError(t, TellJobLog("mask", &stdout, &stderr))
	require.Equal(t, "mask\nmask\n", stderr.String())
	require.NoError(t, TellJobLog("mask", &stdout, &stdout))
	require.Equal(t, "mask\n", stdout.String())
	for n := range 2 {
		require.ErrorIs(t, TellJobLog("mask", &stdout, &failing{n}), io.ErrClosedPipe)
	}
	both := &failing{}
	require.ErrorIs(t, TellJobLog("mask", both, both), io.ErrClosedPipe)
}

// Where nobody would read it, it is not told.
func TestTheStandardErrorLeadsNowhere(t *testing.T) {
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { _ = null.Close() }()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	closed, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for _, stderr := range []*os.File{null, file, closed} {
		require.ErrorContains(t, TellJobLog("mask", io.Discard, stderr), "leads nowhere")
	}
	content, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Empty(t, content)
}

func TestSameStream(t *testing.T) {
	t.Parallel()
	here, err := os.Create(filepath.Join(t.TempDir(), "here"))
	require.NoError(t, err)
	defer func() { _ = here.Close() }()
	again, err := os.Open(here.Name())
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	there, err := os.Create(filepath.Join(t.TempDir(), "there"))
	require.NoError(t, err)
	require.True(t, sameStream(here, again))
	require.False(t, sameStream(here, there))
	require.False(t, sameStream(here, io.Discard))
	require.False(t, sameStream(io.Discard, here))
	require.True(t, sameStream(io.Discard, io.Discard))
	require.NoError(t, there.Close())
	require.False(t, sameStream(here, there))
	require.False(t, sameStream(there, here))
}

// Each time the line is read, and whoever passes it on has a head start.
func TestTellJobLogWaitsForItsReader(t *testing.T) {
	testbed.NotShort(t, "waits for its reader, on purpose")
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only there it can be seen without a runner")
	}
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = reader.Close() }()
	read := make(chan string)
	go func() {
		content, _ := io.ReadAll(reader)
		read <- string(content)
	}()
	began := time.Now()
	require.NoError(t, TellJobLog("mask", io.Discard, writer))
	require.GreaterOrEqual(t, time.Since(began), 2*headStart)
	began = time.Now()
	require.NoError(t, TellJobLog("mask", writer, writer))
	require.Less(t, time.Since(began), maskTimeout)
	require.NoError(t, writer.Close())
	require.Equal(t, "mask\nmask\nmask\n", <-read)
	require.Error(t, untilTaken(writer), "it is closed")
}
