package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/testbed"
)

func TestStatusText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 9, 1, 14, 0, 0, 0, time.FixedZone("", 7200))
	report := statusReport{
		Name: "default", Process: 71, Since: at, Until: at.Add(6 * time.Hour), While: "Runner.Worker (process 7)", CI: "GitHub Actions", Endpoint: "http://127.0.0.1:1",
		Identities: []identity{{ClientID: "C", TenantID: "T"}, {Name: "hub", ClientID: "H", TenantID: "T"}},
		Tokens: []listedToken{
			newListedToken("", azoidc.TokenStatus{Scopes: []string{"a", "b"}, ExpiresOn: at}),
			newListedToken("hub", azoidc.TokenStatus{Scopes: []string{"c"}, ExpiresOn: at, RefreshOn: at.Add(-time.Hour), LastError: errors.New("AADSTS1:\nno")}),
		},
		Counts: counts{Acquired: 2, Refreshed: 3, Refused: 4}, LastError: &background.Problem{Time: at, Text: "no"},
	}
	require.Equal(t, `azoidc default, process 71, since 2026-09-01 12:00:00Z, until 2026-09-01 18:00:00Z or the end of Runner.Worker (process 7)
application C of tenant T, by GitHub Actions
application H of tenant T, by GitHub Actions (hub)
serves http://127.0.0.1:1
token for a b until 2026-09-01 12:00:00Z
token for c until 2026-09-01 12:00:00Z (hub), not renewed: AADSTS1: no
2 acquired, 3 refreshed, 4 refused
last error, 2026-09-01 12:00:00Z: no
`, report.text())
	require.Nil(t, report.Tokens[0].RefreshOn)
	require.Equal(t, at.Add(-time.Hour).UTC(), *report.Tokens[1].RefreshOn)
	require.Equal(t, `azoidc default, process 71, since 2026-09-01 12:00:00Z, until 2026-09-01 12:00:00Z
serves nothing yet
0 acquired, 0 refreshed, 0 refused
`, statusReport{Name: "default", Process: 71, Since: at, Until: at}.text())
}

// The log is shown whole, of whoever it is, and as a log may show it.
func TestStatusShowsTheLog(t *testing.T) {
	t.Parallel()
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Skip("no processes to be seen here")
	}
	folder := t.TempDir()
	_, err = background.Claim(filepath.Join(folder, "azoidc"), background.DefaultName, self.Process)
	require.NoError(t, err)
	p := offline()
	p.env = ci.Variables{"RUNNER_TEMP=" + folder}
	r := run(t, p, "status", "-log")
	require.Equal(t, exitNotWell, r.status, "there is none")
	require.Contains(t, r.stderr, "azoidc: ")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "azoidc", "default", "log"), []byte("one\n##vso[task.x]two\nthree\n"), 0o600))
	r = run(t, p, "status", "-log")
	require.Equal(t, exitWell, r.status, r.stderr)
	require.Equal(t, 3, strings.Count(r.stdout, "\n"))
	require.Regexp(t, "^one\n.*two\nthree\n$", r.stdout)
	testbed.RequireHarmless(t, r.stdout)
}

// Where nothing can be found, neither says that nothing runs.
func TestStatusAndStopWithoutAFolder(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"status", "stop"} {
		p := offline()
		p.env = ci.Variables{"RUNNER_TEMP=relative"}
		r := run(t, p, command)
		require.Equal(t, exitNotWell, r.status, command)
		require.Contains(t, r.stderr, "is no absolute path", command)
		require.Empty(t, r.stdout, command)
	}
}

// Who can't be told is told so by the exit status.
func TestStatusCannotBeWritten(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("nothing is full here")
	}
	defer func() { _ = full.Close() }()
	w := newWorkflow(t, newServer(t, nil))
	w.well("start", "-scope="+vaultScope)
	for _, args := range [][]string{{"status"}, {"status", "-o=json"}, {"status", "-log"}, {"stop"}} {
		p := w.process(args...)
		p.cmd.Stdout = full
		require.Error(t, p.cmd.Run(), args)
		require.Equal(t, exitNotWell, p.cmd.ProcessState.ExitCode(), args)
		require.Contains(t, p.stderr.String(), "no space left", args)
	}
	w.requireNothingLeft()
}
