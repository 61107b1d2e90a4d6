//go:build unix

package azoidc_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
)

func TestCommandAssertion(t *testing.T) {
	got, err := azoidc.CommandAssertion("sh", "-c", "echo; echo ' the.jwt.itself '; echo chatter >&2")(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the.jwt.itself", got)
}

func TestCommandAssertionExplainsWithoutItsOutput(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		want   []string
	}{
		"it fails":          {"echo the.secret.output; echo not testkit.Logged in >&2; exit 3", []string{"sh: exit status 3", "not testkit.Logged in"}},
		"it prints nothing": {"echo not today >&2", []string{"printed nothing", "not today"}},
		"it echoes":         {"echo the.secretsecret.output; echo the.secretsecret.output >&2; exit 1", []string{"[redacted]"}},
		"it floods":         {"head -c 3000000 /dev/zero >&2; exit 1", []string{"exit status 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := azoidc.CommandAssertion("sh", "-c", test.script)(t.Context())
			var unusable *azoidc.AssertionError
			require.ErrorAs(t, err, &unusable)
			require.Equal(t, "command", unusable.Source)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "secret")
			require.Less(t, len(err.Error()), 4000)
		})
	}
	_, err := azoidc.CommandAssertion("no-such-command-here")(t.Context())
	require.ErrorContains(t, err, "executable file not found")
}

// TestCommandAssertionKillsTheWholeProcessGroup has a command that waits for a child of its own.
func TestCommandAssertionKillsTheWholeProcessGroup(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if content, _ := os.ReadFile(pidFile); strings.HasSuffix(string(content), "\n") {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := azoidc.CommandAssertion("sh", "-c", "sleep 1000 & echo $! > "+pidFile+"; wait")(ctx)
	require.ErrorIs(t, err, context.Canceled)

	content, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(string(content)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !alive(child) }, 10*time.Second, time.Millisecond, "the command's child lives on")
}

// alive is false for a zombie, too: whoever inherited it may take its time to reap it.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !strings.Contains(string(stat), ") Z ")
}
