package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// Its life begins to count when its starter is through, and is over to the second.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := &resident{flags: startFlags{life: time.Minute}, until: began.Add(time.Minute)}
		ctx, cancel := context.WithCancelCause(t.Context())
		kept := make(chan struct{})
		time.AfterFunc(90*time.Second, func() { close(kept) })
		r.watch(ctx, cancel, kept)
		require.ErrorIs(t, context.Cause(ctx), errLifeOver)
		require.Equal(t, 90*time.Second+watchInterval, time.Since(began))
		r.watch(ctx, cancel, nil)

		began = time.Now()
		ctx, cancel = context.WithCancelCause(t.Context())
		r = &resident{flags: startFlags{life: 10 * time.Millisecond}, until: began.Add(10 * time.Millisecond)}
		r.watch(ctx, cancel, kept)
		require.ErrorIs(t, context.Cause(ctx), errLifeOver)
		require.Equal(t, 10*time.Millisecond, time.Since(began))
	})
}

// ownHome is a home that this process has claimed.
func ownHome(t *testing.T) (self proc.Listed, h background.Home) {
	t.Helper()
	var err error
	self, err = proc.Find(os.Getpid())
	if err != nil {
		t.Skip("no processes to be seen here")
	}
	h, err = background.Claim(filepath.Join(t.TempDir(), "azoidc"), "a", self.Process)
	require.NoError(t, err)
	return self, h
}

// Its answers are about itself. Only the one question ends it.
func TestResidentAnswers(t *testing.T) {
	t.Parallel()
	self, h := ownHome(t)
	journal, err := background.OpenJournal(h, redact.Against())
	require.NoError(t, err)
	defer func() { _ = journal.Close() }()
	cloud := newCloud(nil)
	p := inJob(cloud, cloud.GitHubJob(nil).Env())
	since := time.Now()
	r := &resident{program: p, home: h, self: self.Process, login: *loginOf(t, p), since: since, until: since.Add(time.Hour), journal: journal, tally: newTally(journal.Note)}
	r.flags.supply.identities = login.Identities{{Name: "hub", ClientID: hubID}}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	want := statusReport{
		Name: "a", Process: os.Getpid(), Since: since.UTC(), Until: since.Add(time.Hour).UTC(), CI: "GitHub Actions", Tokens: []listedToken{},
		Identities: []identity{{ClientID: cloud.ClientID(), TenantID: cloud.TenantID()}, {Name: "hub", ClientID: hubID, TenantID: cloud.TenantID()}},
	}
	require.Equal(t, want, r.answer(background.AskStatus, cancel), "before there is anything")
	r.while = &background.Watched{Process: self.Process, Name: "me"}
	require.NoError(t, r.open(ctx))
	defer r.supply.close()
	report := r.answer(background.AskStatus, cancel).(statusReport)
	require.Equal(t, r.while.String(), report.While)
	require.Equal(t, r.supply.env["IDENTITY_ENDPOINT"], report.Endpoint)
	require.Equal(t, struct{}{}, r.answer("what?", cancel))
	require.NoError(t, ctx.Err())
	require.Equal(t, struct{}{}, r.answer(background.AskStop, cancel))
	require.ErrorIs(t, context.Cause(ctx), errStopped)
	r.login.AuthorityHost, r.login.Client.Cloud.ActiveDirectoryAuthorityHost = "http://a", "http://a"
	require.ErrorIs(t, r.open(ctx), errStopped, "which is why it failed")
	require.ErrorContains(t, r.open(t.Context()), "https")
}

// It leaves nothing, and its exit status tells whether it could. It isn't parallel, because it is the standard error that ends with it.
func TestMoveOut(t *testing.T) {
	self, h := ownHome(t)
	journal, err := background.OpenJournal(h, redact.Against())
	require.NoError(t, err)
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	os.Stderr, err = os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	r := &resident{home: h, self: self.Process, journal: journal}
	require.Equal(t, exitWell, r.moveOut(errStopped))
	require.NoDirExists(t, h.Folder())
	require.Equal(t, exitNotWell, r.moveOut(errStopped), "it has left before")
	require.Equal(t, exitNotWell, r.moveOut(errLifeOver), "the log is closed")
}

func TestOccupied(t *testing.T) {
	t.Parallel()
	self, h := ownHome(t)
	require.ErrorIs(t, occupied("a", h, io.EOF), io.EOF)
	require.ErrorContains(t, occupied("a", h, background.OccupiedError{Owner: self.Process}), "runs already, as process")
	elsewhere, err := proc.Parse(self.String()[:strings.LastIndex(self.String(), ".")] + ".1")
	require.NoError(t, err)
	if elsewhere.State() == proc.Elsewhere {
		require.ErrorContains(t, occupied("a", h, background.OccupiedError{Owner: elsewhere}), "if that container is gone, remove "+h.Path())
	}
}

// starterSide is a channel on which the other end says this.
func starterSide(said string) *background.Channel {
	reader, writer := io.Pipe()
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	return &background.Channel{Reader: strings.NewReader(said), WriteCloser: writer}
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	ready, err := handOver(starterSide(`{"handout":{"set":{"A":"b"}},"secrets":["b"]}`), handover{})
	require.NoError(t, err)
	require.Equal(t, handout{Set: map[string]string{"A": "b"}, secrets: []string{"b"}}, ready.Handout)
	_, err = handOver(starterSide(`{"failed":"AADSTS1"}`), handover{})
	require.EqualError(t, err, "AADSTS1")
	_, err = handOver(starterSide(""), handover{})
	require.ErrorIs(t, err, io.EOF)
	gone := starterSide("{}")
	require.NoError(t, gone.WriteCloser.Close())
	_, err = handOver(gone, handover{})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// What the process in the background can't do with what it is handed, its starter is told. It leaves nothing that is its own.
func TestHandoverThatCannotBe(t *testing.T) {
	t.Parallel()
	requireBinary(t)
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Skip("no processes to be seen here")
	}
	another, err := proc.Parse("1.1")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		prepare func(home string) error
		change  func(*handover)
		want    string
		status  int
	}{
		"arguments":      {nil, func(all *handover) { all.Args = []string{"-what"} }, "the handover's arguments aren't those of start", exitNotWell},
		"no home":        {os.RemoveAll, nil, "no such file", exitNotWell},
		"no homes":       {nil, func(all *handover) { all.Homes = filepath.Join(all.Homes, "none") }, "no such file", exitNotWell},
		"another's home": {nil, func(all *handover) { all.Owner = another }, "no such file", exitNotWell},
		"no log":         {inTheWay("log"), nil, "directory", exitNotWell},
		"no socket":      {inTheWay("control"), nil, "address already in use", exitWell},
		"no credential":  {nil, func(all *handover) { all.Args = []string{"-authority-host=http://login.example"} }, "https", exitWell},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("it says the same in other words")
			}
			homes := filepath.Join(t.TempDir(), "azoidc")
			_, err := background.Claim(homes, background.DefaultName, self.Process)
			require.NoError(t, err)
			home := filepath.Join(homes, string(background.DefaultName))
			cloud := newCloud(nil)
			all := handover{Homes: homes, Owner: self.Process, Env: inJob(cloud, cloud.GitHubJob(nil).Env()).env}
			if test.prepare != nil {
				require.NoError(t, test.prepare(home))
			}
			if test.change != nil {
				test.change(&all)
			}
			child, channel, _ := startInBackground(t)
			_, err = handOver(channel, all)
			require.ErrorContains(t, err, test.want)
			require.NoError(t, channel.Close())
			background.End(child)
			require.Equal(t, test.status, child.ProcessState.ExitCode())
			if test.status == exitWell {
				require.NoDirExists(t, home, "it was its own by then")
			}
		})
	}
}

// startInBackground starts what start does. Nothing was handed over to it yet.
func startInBackground(t *testing.T) (child *exec.Cmd, channel *background.Channel, log string) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	child, channel, err = background.Detached{Path: binary, Args: []string{"azoidc", inBackground}, Dir: t.TempDir(), Log: file}.Start()
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return child, channel, file.Name()
}

// Whoever hands over something else, or nothing, has gone.
func TestHandoverByNobody(t *testing.T) {
	t.Parallel()
	requireBinary(t)
	if runtime.GOOS == "windows" {
		t.Skip("its folder can't be removed while it runs")
	}
	for _, said := range []string{"", "{", "hello\n"} {
		child, channel, log := startInBackground(t)
		_, err := io.WriteString(channel, said)
		require.NoError(t, err)
		require.NoError(t, channel.Close())
		background.End(child)
		require.Equal(t, exitNotWell, child.ProcessState.ExitCode())
		require.Equal(t, "azoidc: whoever started it has gone\n", readFile(t, log), said)
	}
}

func inTheWay(name string) func(home string) error {
	return func(home string) error { return os.Mkdir(filepath.Join(home, name), 0o700) }
}

// Who stops what runs waits for its end, and so finds what it has left behind.
func TestUntilStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan string, 2)
		slowly := func(name string) func(context.Context) {
			return func(ctx context.Context) {
				<-ctx.Done()
				time.Sleep(time.Second)
				ended <- name
			}
		}
		untilStopped(slowly("a"), slowly("b"))()
		require.Len(t, ended, 2)
	})
}

// A signal that comes when nothing is opened any more is left to the command.
func TestALateSignalIsLeftToTheCommand(t *testing.T) {
	t.Parallel()
	for range 20 { // for it would be left by chance
		synctest.Test(t, func(t *testing.T) {
			caught := &signals{came: make(chan os.Signal, 1)}
			ctx, stop := caught.cancel(t.Context())
			require.NoError(t, ctx.Err())
			require.Nil(t, stop())
			require.Error(t, ctx.Err())
			caught.came <- os.Interrupt
			synctest.Wait()
			require.Len(t, caught.came, 1)
		})
	}
}

// A signal comes before whatever was opened, which is closed again.
func TestUntilSignal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		signal bool
		opens  bool
		status int
	}{
		"opened":           {false, true, exitWell},
		"failed":           {false, false, exitExecFailed},
		"a signal, opened": {true, true, 143},
		"a signal, failed": {true, false, 143},
	} {
		t.Run(name, func(t *testing.T) {
			caught := &signals{came: make(chan os.Signal, 1)}
			closed := false
			tokens, status := offlineAnd(io.Discard).untilSignal(t.Context(), caught, func(ctx context.Context) (*supply, error) {
				if test.signal {
					caught.came <- syscall.SIGTERM
					<-ctx.Done()
				}
				if !test.opens {
					return nil, errors.New("refused")
				}
				return &supply{close: func() { closed = true }}, nil
			})
			require.Equal(t, test.status, status)
			require.Equal(t, test.opens && !test.signal, tokens != nil)
			require.Equal(t, test.opens && test.signal, closed)
		})
	}
}

func offlineAnd(stderr io.Writer) *program {
	p := offline()
	p.stderr = stderr
	return p
}
