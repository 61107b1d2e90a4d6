package ci

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A job's streams may be sockets, too. What is no stream tells nothing.
func TestTheReaderOfASocketIsAwaited(t *testing.T) {
	t.Parallel()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	writer, reader := os.NewFile(uintptr(ends[0]), "writer"), os.NewFile(uintptr(ends[1]), "reader")
	defer func() { _ = writer.Close() }()
	defer func() { _ = reader.Close() }()
	_, err = writer.WriteString("unread")
	require.NoError(t, err)
	require.ErrorIs(t, awaitReader(writer, time.Now().Add(20*time.Millisecond)), errUnread)
	_, err = reader.Read(make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, awaitReader(writer, time.Now().Add(time.Minute)))

	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	require.ErrorIs(t, awaitReader(file, time.Now().Add(time.Minute)), syscall.ENOTTY)
	require.NoError(t, file.Close())
	require.ErrorIs(t, awaitReader(file, time.Now().Add(time.Minute)), os.ErrClosed)
}

// Who waits for a reader sleeps in between: time passes.
func TestAwaitReaderSleeps(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = errors.Join(reader.Close(), writer.Close()) }()
	_, err = writer.WriteString("unread")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.ErrorIs(t, awaitReader(writer, began.Add(time.Second)), errUnread)
		require.WithinRange(t, time.Now(), began.Add(time.Second), began.Add(time.Second+20*time.Millisecond))
	})
}

// Where it can't be seen whether the line was read, it counts as unread.
func TestWhatDoesNotTellIsUnread(t *testing.T) {
	t.Parallel()
	device, err := os.OpenFile("/dev/zero", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { _ = device.Close() }()
	require.ErrorIs(t, TellJobLog("mask", io.Discard, device), syscall.ENOTTY)
}
