package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
)

// On a terminal nothing else is to be read than elsewhere, once lines have stopped moving.
func TestTerminal(t *testing.T) {
	testbed.NotShort(t, "runs the whole demonstration")
	plain, coloured := steps8(t, false), steps8(t, true)
	require.NotContains(t, plain, "\x1b")
	require.Regexp(t, `\r\x1b\[K  3  Key Vault +issue the certificate +\x1b\[2m[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] 2\.[5-9] s\x1b\[0m`, coloured)
	require.Contains(t, coloured, "\x1b[31m✗ AADSTS700024")
	require.Contains(t, coloured, "\x1b[32m✓\x1b[0m 0.8 s")
	require.Equal(t, plain, settled(coloured))
}

// steps8 is what is shown before the timeline, where the time of a refresh is random.
func steps8(t *testing.T, terminal bool) string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, inMemory(inSeconds()).run(t.Context(), screen{&out, terminal, terminal}))
	})
	before, _, _ := strings.Cut(out.String(), "Timeline, ")
	return before
}

var paint = regexp.MustCompile(`\x1b\[\d+m`)

// settled is what a terminal shows in the end.
func settled(text string) string {
	var shown strings.Builder
	for line := range strings.Lines(text) {
		line = line[strings.LastIndex(line, eraseLine)+1:]
		line = paint.ReplaceAllString(strings.TrimPrefix(line, eraseLine[1:]), "")
		shown.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return shown.String()
}

func TestIsTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as terminals are
	require.NoError(t, err)
	defer device.Close()

	require.Equal(t, screen{file, false, false}, newScreen(file))
	require.Equal(t, screen{io.Discard, false, false}, newScreen(io.Discard))
	require.Equal(t, screen{device, true, true}, newScreen(device))
	t.Setenv("NO_COLOR", "1")
	require.Equal(t, screen{device, false, true}, newScreen(device))
	t.Setenv("TERM", "dumb")
	require.Equal(t, screen{device, false, false}, newScreen(device))
}
