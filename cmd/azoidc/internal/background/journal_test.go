package background

import (
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/testbed"
)

func newJournal(t *testing.T) (*Journal, Home) {
	t.Helper()
	h, err := Claim(filepath.Join(t.TempDir(), "azoidc"), "a", self(t))
	require.NoError(t, err)
	j, err := OpenJournal(h, redact.Against())
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j, h
}

// The file is bounded, loses what is oldest, in whole lines, and is still what a crash is written to.
func TestJournalIsBounded(t *testing.T) {
	testbed.NotShort(t, "writes thousands of lines")
	j, h := newJournal(t)
	crash, err := h.openLog()
	require.NoError(t, err)
	text := log.New(j, "azoidc: ", 0)
	const lines = 10_000
	var size int64
	halves := 0
	for i := range lines {
		text.Printf("problem %05d of which there are many", i)
		before := size
		info, err := os.Lstat(filepath.Join(h.Path(), logFile))
		require.NoError(t, err)
		if size = info.Size(); size < before {
			require.InDelta(t, journalLimit/2, size, 200)
			halves++
		}
	}
	require.InDelta(t, 4, halves, 1, "%d bytes a line", len("2026-11-29T12:00:00Z azoidc: problem 00000 of which there are many\n"))
	_, err = fmt.Fprintln(crash, "panic: at the end")
	require.NoError(t, err)
	require.NoError(t, crash.Close())
	content, err := h.ReadLog()
	require.NoError(t, err)
	require.Less(t, len(content), journalLimit+100)
	require.Greater(t, len(content), journalLimit/3)
	kept := strings.Split(strings.TrimSpace(content), "\n")
	require.Equal(t, "panic: at the end", kept[len(kept)-1])
	for i, line := range kept[:len(kept)-1] {
		require.Contains(t, line, fmt.Sprintf("azoidc: problem %05d of which there are many", lines-len(kept)+1+i))
	}
	require.Contains(t, j.LastProblem().Text, fmt.Sprint(lines-1))
	info, err := os.Lstat(h.Path())
	require.NoError(t, err)
	require.True(t, info.IsDir())
}

func TestJournalIsHarmless(t *testing.T) {
	j, h := newJournal(t)
	j.Note("nothing went wrong")
	require.Nil(t, j.LastProblem())
	for _, text := range testbed.Hostile {
		_, err := fmt.Fprintln(j, text)
		require.NoError(t, err)
		testbed.RequireHarmless(t, j.LastProblem().Text)
	}
	content, err := h.ReadLog()
	require.NoError(t, err)
	testbed.RequireHarmless(t, content)
}

// However much a process writes there past the journal, as it crashes, so much of it is read.
func TestReadLogIsBounded(t *testing.T) {
	h := newHome(t)
	require.NoError(t, os.WriteFile(filepath.Join(h.Path(), logFile), make([]byte, 3*journalLimit), 0o600))
	content, err := h.ReadLog()
	require.NoError(t, err)
	require.Equal(t, 2*journalLimit, len(content))
}

// The next process adds to what is there, and the bound is for all of it.
func TestJournalGoesOn(t *testing.T) {
	j, h := newJournal(t)
	long := strings.Repeat("a", 1<<10)
	for range journalLimit / (2 << 10) {
		j.Note(long)
	}
	require.NoError(t, j.Close())
	j, err := OpenJournal(h, redact.Against())
	require.NoError(t, err)
	before, err := h.ReadLog()
	require.NoError(t, err)
	n, err := j.Write([]byte("first\nand last\n"))
	require.NoError(t, err)
	require.Equal(t, len("first\nand last\n"), n)
	require.Zero(t, j.LastProblem().Time.Nanosecond())
	content, err := h.ReadLog()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(content, before))
	require.Contains(t, h.LastWords(), "and last")
	for range journalLimit / (1 << 10) {
		j.Note(long)
		log, err := os.Stat(filepath.Join(h.Path(), logFile))
		require.NoError(t, err)
		require.LessOrEqual(t, log.Size(), int64(journalLimit))
	}
	require.NoError(t, j.Close())
	require.Error(t, j.Close())
}

func TestLastWords(t *testing.T) {
	h := newHome(t)
	require.Contains(t, h.LastWords(), "by force")
	require.NoError(t, h.Leave(self(t)))
	require.Contains(t, h.LastWords(), "told to")
	_, err := OpenJournal(h, redact.Against())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestALogThatIsNone(t *testing.T) {
	h := newHome(t)
	require.NoError(t, h.homes.Mkdir(h.file(logFile), 0o700))
	_, err := h.ReadLog()
	require.Error(t, err)
	_, err = OpenJournal(h, redact.Against())
	require.Error(t, err)
	_, _, err = h.Launch("-test.run=^$") // for it is this program that would be started
	require.Error(t, err)
}
