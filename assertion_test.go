package azoidc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestFileAssertionIsReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	source := azoidc.FileAssertion(path)
	_, err := source(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, jwt := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(path, []byte("\n "+jwt+" \r\n"), 0o600))
		got, err := source(t.Context())
		require.NoError(t, err)
		require.Equal(t, jwt, got)
	}
	require.NoError(t, os.WriteFile(path, []byte(" \n"), 0o600))
	_, err = source(t.Context())
	var unusable *azoidc.AssertionError
	require.ErrorAs(t, err, &unusable)
	require.Equal(t, "file", unusable.Source)
	require.ErrorContains(t, err, path+" is empty")
}

// TestAFileThatIsBeingWrittenIsReadAgain by the credential, soon.
func TestAFileThatIsBeingWrittenIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		job := cloud.GitHubJob(nil)
		jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})(t.Context())
		require.NoError(t, err)
		time.AfterFunc(time.Millisecond, func() { assert.NoError(t, os.WriteFile(path, []byte(jwt), 0o600)) })
		testkit.Get(t, newAssertion(t, cloud, azoidc.FileAssertion(path), testkit.CredentialOptions(cloud)), testkit.VaultScope)
	})
}

// TestASourceThatWasAskedOnceIsNotAskedAgain where it was told to ask once.
func TestASourceThatWasAskedOnceIsNotAskedAgain(t *testing.T) {
	cloud := testkit.NewCloud()
	job := cloud.GitHubJob(nil)
	options := &azoidc.GitHubActionsAssertionOptions{ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken}
	options.Retry.MaxRetries = -1
	cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Drop())
	_, err := newAssertion(t, cloud, azoidc.GitHubActionsAssertion(options), testkit.CredentialOptions(cloud)).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.Error(t, err)
	require.Equal(t, 1, cloud.Count(azoidctest.GitHubOIDC))
}

// TestAnAssertionIsPresentedUntilEntraTakesItNoMore, which is five minutes past its end.
func TestAnAssertionIsPresentedUntilEntraTakesItNoMore(t *testing.T) {
	for over, presented := range map[time.Duration]int{5 * time.Minute: 1, 5*time.Minute + time.Second: 0} {
		synctest.Test(t, func(t *testing.T) {
			cloud := testkit.NewCloud()
			source := azoidc.StaticAssertion(testbed.JWT(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(-over).Unix())))
			_, err := newAssertion(t, cloud, source, testkit.CredentialOptions(cloud)).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.Error(t, err)
			require.Equal(t, presented, cloud.Count(azoidctest.EntraToken), over)
		})
	}
}

// TestWhoseClockSaysThatAnAssertionIsOver: Entra's, once this machine's is wrong.
func TestWhoseClockSaysThatAnAssertionIsOver(t *testing.T) {
	for offset, whose := range map[time.Duration]string{
		advice.WrongClock - time.Second: "this machine's clock", advice.WrongClock: "the service's clock", -advice.WrongClock: "the service's clock",
	} {
		synctest.Test(t, func(t *testing.T) {
			cloud := testkit.NewCloud()
			options := testkit.CredentialOptions(cloud)
			options.Transport = testkit.WithWrongClock(cloud, offset)
			source := azoidc.StaticAssertion(testbed.JWT(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(-time.Hour).Unix())))
			_, err := newAssertion(t, cloud, source, options).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.ErrorContains(t, err, " ago by "+whose+", which says ", offset)
		})
	}
}

func TestStaticAssertion(t *testing.T) {
	got, err := azoidc.StaticAssertion(" the.jwt.itself\n")(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the.jwt.itself", got)
	_, err = azoidc.StaticAssertion("")(t.Context())
	require.ErrorContains(t, err, "static assertion: no assertion: it is empty")
}

// TestPreloadBeforeAStaticAssertionExpires is U2: one OIDC token, taken at the job's start, and tokens for hours.
func TestPreloadBeforeAStaticAssertionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		job := cloud.GitHubJob(nil)
		jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		})(t.Context())
		require.NoError(t, err)
		cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), azoidc.StaticAssertion(jwt),
			&azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
		require.NoError(t, err)
		require.NoError(t, cred.Preload(t.Context(), testkit.ManagementScope, testkit.VaultScope))

		time.Sleep(55 * time.Minute)
		testkit.Get(t, cred, testkit.VaultScope)
		synctest.Wait()
		testkit.Get(t, cred, testkit.ManagementScope)
		known := cloud.Count(azoidctest.EntraToken)
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		require.ErrorContains(t, err, "the assertion expired 50m0s ago by this machine's clock")
		require.ErrorContains(t, err, "Preload every scope before it expires")
		require.Equal(t, known, cloud.Count(azoidctest.EntraToken), "it was posted")
		var unusable *azoidc.AssertionError
		require.ErrorAs(t, err, &unusable)
		require.Equal(t, job.Subject, unusable.Claims.Subject)
	})
}

func TestAnAssertionFuncRepeatsWhatFailedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		job := cloud.GitHubJob(nil)
		source := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		})
		cloud.FailNext(azoidctest.GitHubOIDC, 3, azoidctest.Drop())
		_, err := source(t.Context())
		require.NoError(t, err)

		cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(500, nil, ""))
		cloud.Reset()
		cred, err := azoidc.NewAssertionCredential(cloud.TenantID(), cloud.ClientID(), source,
			&azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "HTTP 500")
		require.Equal(t, 4, cloud.Count(azoidctest.GitHubOIDC), "a source that repeats is not repeated again by the credential")
	})
}

// TestAnAssertionFuncRefusesWhatNoJWTHolds, and tells which request it came from.
func TestAnAssertionFuncRefusesWhatNoJWTHolds(t *testing.T) {
	cloud := testkit.NewCloud()
	github, pipelines := cloud.GitHubJob(nil), cloud.PipelinesJob(nil)
	answer := testkit.Text(200, `{"value":"a.b.c\n::add-path::x","oidcToken":"a.b.c\n::add-path::x"}`)
	cloud.Fail(azoidctest.GitHubOIDC, answer)
	cloud.Fail(azoidctest.AzureDevOpsOIDC, answer)
	for name, source := range map[string]azoidc.AssertionFunc{
		"GitHub Actions": azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: github.RequestURL, RequestToken: github.RequestToken}),
		"Azure Pipelines": azoidc.AzurePipelinesAssertion(pipelines.ServiceConnectionID, pipelines.SystemAccessToken,
			&azoidc.AzurePipelinesAssertionOptions{ClientOptions: cloud.ClientOptions(), RequestURI: pipelines.RequestURI}),
	} {
		jwt, err := source(t.Context())
		require.Empty(t, jwt)
		require.ErrorContains(t, err, name+": no assertion: not a JWT: it holds characters that no JWT has\n  asked: ")
	}
}

// TestAnAssertionFuncSendsNoMacro: its text in place of a value is nobody's token.
func TestAnAssertionFuncSendsNoMacro(t *testing.T) {
	cloud := testkit.NewCloud()
	_, err := azoidc.AzurePipelinesAssertion("connection", "$(System.AccessToken)", &azoidc.AzurePipelinesAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURI: cloud.PipelinesJob(nil).RequestURI})(t.Context())
	require.ErrorContains(t, err, "$(System.AccessToken)")
	require.Zero(t, cloud.Count())
}

// TestAnAssertionFuncThatLacksOneSettingSendsNothing, and names it.
func TestAnAssertionFuncThatLacksOneSettingSendsNothing(t *testing.T) {
	testbed.OutsideCI(t)
	cloud := testkit.NewCloud()
	for lacking, source := range map[string]azoidc.AssertionFunc{
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: cloud.GitHubJob(nil).RequestURL}),
		"SYSTEM_ACCESSTOKEN": azoidc.AzurePipelinesAssertion("connection", "", &azoidc.AzurePipelinesAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURI: cloud.PipelinesJob(nil).RequestURI}),
	} {
		_, err := source(t.Context())
		require.ErrorContains(t, err, lacking)
	}
	require.Zero(t, cloud.Count())
}

func TestAnAssertionFuncHasADeadlineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		job := cloud.PipelinesJob(nil)
		options := &azoidc.AzurePipelinesAssertionOptions{ClientOptions: cloud.ClientOptions(), RequestURI: job.RequestURI}
		options.Retry.MaxRetries = -1
		cloud.Fail(azoidctest.AzureDevOpsOIDC, azoidctest.Hang())
		start := time.Now()
		_, err := azoidc.AzurePipelinesAssertion(job.ServiceConnectionID, job.SystemAccessToken, options)(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestCommandAssertion(t *testing.T) {
	needShell(t)
	got, err := azoidc.CommandAssertion("sh", "-c", "echo; echo ' the.jwt.itself '; echo chatter >&2")(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the.jwt.itself", got)
	got, err = azoidc.CommandAssertion("sh", "-c", "head -c 3000000 /dev/zero | tr '\\000' a")(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 1<<20, "more isn't kept")
	args := []string{"-c", "echo the.first.one"}
	source := azoidc.CommandAssertion("sh", args...)
	args[1] = "echo another"
	got, err = source(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the.first.one", got, "the caller may use its slice again")
}

func TestCommandAssertionExplainsWithoutItsOutput(t *testing.T) {
	needShell(t)
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

// TestACommandThatLeavesAChildIsNotWaitedForForever: the child holds the command's output open.
func TestACommandThatLeavesAChildIsNotWaitedForForever(t *testing.T) {
	testbed.NotShort(t, "waits half a second for its output")
	needShell(t)
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := azoidc.CommandAssertion("sh", "-c", "sleep 15 & echo the.jwt.itself")(ctx)
	require.NoError(t, err)
	require.NoError(t, ctx.Err())
	require.Equal(t, "the.jwt.itself", got)
}

// TestCommandAssertionKillsTheWholeProcessGroup has a command that waits for a child of its own, which writes for as long
// as it lives.
func TestCommandAssertionKillsTheWholeProcessGroup(t *testing.T) {
	testbed.NotShort(t, "waits for what must not come")
	needShell(t)
	t.Parallel()
	beats := filepath.Join(t.TempDir(), "beats")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if content, _ := os.ReadFile(beats); len(content) > 0 {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := azoidc.CommandAssertion("sh", "-c", `(while sleep 0.01; do echo >>"$0"; done) & wait`, beats)(ctx)
	require.ErrorIs(t, err, context.Canceled)

	length := func() int64 {
		info, err := os.Stat(beats)
		require.NoError(t, err)
		return info.Size()
	}
	require.Eventually(t, func() bool {
		before := length()
		time.Sleep(200 * time.Millisecond)
		return length() == before
	}, 10*time.Second, time.Millisecond, "the command's child lives on")
}

func needShell(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh here")
	}
}

// TestARequestForAnAssertionIsBounded where the caller's context is not, as an acquisition is.
func TestARequestForAnAssertionIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		fault azoidctest.Fault
		most  time.Duration
	}{
		"asked to wait a day":            {azoidctest.Status(503, http.Header{"Retry-After": {"86400"}}, ""), 0},
		"asked to wait, again and again": {azoidctest.Status(503, http.Header{"Retry-After": {"50"}}, ""), 2 * time.Minute},
		"no answer":                      {azoidctest.Hang(), 2 * time.Minute},
	} {
		for system, source := range map[string]func(*azoidctest.Cloud) azoidc.AssertionFunc{
			"GitHub Actions": func(cloud *azoidctest.Cloud) azoidc.AssertionFunc {
				job := cloud.GitHubJob(nil)
				options := &azoidc.GitHubActionsAssertionOptions{ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken}
				options.Retry.MaxRetries = 1000
				return azoidc.GitHubActionsAssertion(options)
			},
			"Azure Pipelines": func(cloud *azoidctest.Cloud) azoidc.AssertionFunc {
				job := cloud.PipelinesJob(nil)
				options := &azoidc.AzurePipelinesAssertionOptions{ClientOptions: cloud.ClientOptions(), RequestURI: job.RequestURI}
				options.Retry.MaxRetries = 1000
				return azoidc.AzurePipelinesAssertion(job.ServiceConnectionID, job.SystemAccessToken, options)
			},
		} {
			t.Run(name+"/"+system, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := testkit.NewCloud()
					cloud.Fail(azoidctest.GitHubOIDC, test.fault)
					cloud.Fail(azoidctest.AzureDevOpsOIDC, test.fault)
					began := time.Now()
					_, err := source(cloud)(context.Background())
					require.Error(t, err)
					require.LessOrEqual(t, time.Since(began), test.most)
				})
			})
		}
	}
	t.Run("a caller's own deadline counts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cloud := testkit.NewCloud()
			job := cloud.GitHubJob(nil)
			cloud.FailNext(azoidctest.GitHubOIDC, 1, azoidctest.Status(503, http.Header{"Retry-After": {"300"}}, ""))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
				ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})(ctx)
			require.NoError(t, err)
		})
	})
}

// TestANetworkErrorOfAnAssertionFuncIsSurvived: it may come from any library.
func TestANetworkErrorOfAnAssertionFuncIsSurvived(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		calls int
	}{
		"EOF":            {io.EOF, 2},
		"cut":            {fmt.Errorf("mine: %w", io.ErrUnexpectedEOF), 2},
		"timeout":        {&net.DNSError{Err: "timeout", IsTimeout: true}, 2},
		"another":        {errors.New("no"), 1},
		"has had enough": {enough{io.EOF}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				job := cloud.GitHubJob(nil)
				good := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
					ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})
				calls := 0
				cred := newAssertion(t, cloud, func(ctx context.Context) (string, error) {
					if calls++; calls == 1 {
						return "", test.err
					}
					return good(ctx)
				}, testkit.CredentialOptions(cloud))
				_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.Equal(t, test.calls, calls)
				require.Equal(t, test.calls == 1, err != nil, "%v", err)
			})
		})
	}
}

// enough is an error of a library that has tried again itself.
type enough struct{ error }

func (enough) NonRetriable()   {}
func (e enough) Unwrap() error { return e.error }
