package proc_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/proc"
)

func self(t *testing.T) proc.Listed {
	t.Helper()
	self, err := proc.Find(os.Getpid())
	require.NoError(t, err)
	return self
}

// A process is told from another of the same ID, and written down and read again it's the same.
func TestProcess(t *testing.T) {
	own := self(t)
	require.Equal(t, proc.Running, own.State())
	require.False(t, own.AwaitEnd(time.Millisecond))
	for _, form := range []string{"text", "JSON"} {
		var again proc.Process
		if form == "text" {
			read, err := proc.Parse(own.String())
			require.NoError(t, err)
			again = read
		} else {
			document, err := json.Marshal(own.Process)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(document, &again))
		}
		require.Equal(t, own.Process, again)
	}
	require.NotContains(t, own.String(), string(os.PathSeparator))

	require.Regexp(t, `^[0-9]+\.[0-9a-f-]+(\.[0-9]+)?$`, own.String())
	_, rest, _ := strings.Cut(own.String(), ".")
	start, space, _ := strings.Cut(rest, ".")
	for name, text := range map[string]string{
		"the ID of one that started at another time": strings.TrimSuffix(fmt.Sprintf("%d.1.%s", own.ID, space), "."),
		"no process has the ID":                      "999999999." + rest,
	} {
		process, err := proc.Parse(text)
		require.NoError(t, err)
		require.Equal(t, proc.Ended, process.State(), name)
		require.True(t, process.AwaitEnd(0), name)
		process.Signal(true) // or this one would be dead
	}
	elsewhere, err := proc.Parse(fmt.Sprintf("%d.%s.1", own.ID, start))
	require.NoError(t, err)
	require.Equal(t, proc.Elsewhere, elsewhere.State())
	elsewhere.Signal(true)
}

// Who waits for an end looks for it now and then, and doesn't keep a core busy.
func TestAwaitEndPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where time stands still while somebody is busy
		began := time.Now()
		require.False(t, self(t).AwaitEnd(time.Second))
		require.InDelta(t, 1050*time.Millisecond, time.Since(began), float64(50*time.Millisecond))
	})
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "1", "1.2.3.4", "x.2.3", "-.."} {
		_, err := proc.Parse(text)
		require.Error(t, err, text)
		var process proc.Process
		require.Error(t, process.UnmarshalText([]byte(text)), text)
	}
}

func TestAncestors(t *testing.T) {
	line := self(t).Ancestors()
	require.NotEmpty(t, line)
	require.Equal(t, os.Getppid(), line[0].ID)
	for _, ancestor := range line {
		require.NotEmpty(t, ancestor.Name)
		require.Equal(t, proc.Running, ancestor.State(), fmt.Sprint(ancestor))
	}
	if runtime.GOOS == "linux" {
		require.Equal(t, 1, line[len(line)-1].ID)
	}
}
