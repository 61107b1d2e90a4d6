package azoidc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/retry"
)

// An AssertionFunc requests a new client assertion, a JWT, at every call. It is called concurrently, and should
// return when ctx ends. It can be passed to [azidentity.NewClientAssertionCredential], too.
//
// The AssertionFuncs that this package makes return an [*AssertionError] if they have no assertion. If the program
// doesn't run where the assertion comes from, they return an error made by
// [azidentity.NewCredentialUnavailableError].
//
// Other CI systems' tokens: https://github.com/azoidc/azoidc/blob/main/docs/other-ci.md
type AssertionFunc func(ctx context.Context) (string, error)

// FileAssertion returns a function that reads the assertion from the file at path at every call, and trims white space
// around it. The Azure workload identity webhook of Kubernetes writes such files, and so does "azoidc exec -token-file".
func FileAssertion(path string) AssertionFunc {
	return func(context.Context) (string, error) {
		content, err := proc.ReadFile(path)
		if err != nil {
			return "", &AssertionError{Source: "file", Err: redact.Error(err), transient: proc.BeingReplaced(err),
				advice: "check that the file exists and that this process may read it"}
		}
		jwt := strings.TrimSpace(string(content))
		if jwt == "" {
			return "", &AssertionError{Source: "file", Err: fmt.Errorf("%s is empty", redact.Line(path)), transient: true,
				advice: "whoever writes the file should write another one and rename it, so that nobody reads half of it"}
		}
		return fromElsewhere("file", jwt)
	}
}

// StaticAssertion returns a function that returns jwt at every call. Such an assertion can't be refreshed, so acquire
// the tokens that a job will need before it expires, with [TokenCache.Preload]. Where there is a source of new
// assertions, prefer that.
func StaticAssertion(jwt string) AssertionFunc {
	jwt = strings.TrimSpace(jwt)
	return func(context.Context) (string, error) {
		if jwt == "" {
			return "", &AssertionError{Source: "static assertion", Err: errors.New("it is empty"),
				advice: "pass the JWT itself, for example the value of the idToken variable of an Azure Pipelines task"}
		}
		return fromElsewhere("static assertion", jwt)
	}
}

// requestTimeout bounds the requests for one assertion where the caller's context has no deadline, as it does an acquisition.
const requestTimeout = 2 * time.Minute

// repeated makes an AssertionFunc that asks source again when a request failed for a moment.
func repeated(source assertionSource, retries retry.Options) AssertionFunc {
	return func(ctx context.Context) (string, error) {
		ctx, cancel := within(ctx, requestTimeout)
		defer cancel()
		var fresh assertion
		err := retries.Plan(0).Run(ctx, func(ctx context.Context) *retry.Failure {
			var err error
			if fresh, err = source.request(ctx); err != nil {
				return source.failure(err)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
		jwt, err := fromElsewhere(source.name(), fresh.jwt)
		return jwt, fresh.traced(err)
	}
}

// within gives ctx a deadline where it has none.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}

// fromElsewhere returns jwt if it is safe to hand on to any program, which may print it.
func fromElsewhere(source, jwt string) (string, error) {
	if err := checkAlphabet(jwt); err != nil {
		return "", &AssertionError{Source: source, Err: fmt.Errorf("not a JWT: %w", err), advice: adviseAlone}
	}
	return jwt, nil
}

const adviseAlone = "what the source returns must be the JWT alone, nothing before or after it"

// An assertion is a JWT together with what is known of how it came.
type assertion struct {
	jwt      string
	claims   Claims
	received time.Time
	// clockOffset is how far the source's clock is ahead of this machine's, or else Entra's, if one has told the time.
	clockOffset time.Duration
	clockTold   bool
	answer      *oidcAnswer // that it came in, if it came over this library's leg
}

// An assertionSource makes one request for an assertion; the exchange decides whether to make another one.
type assertionSource interface {
	// name is what errors call the source.
	name() string
	// settings are what a request takes, whether they have values or not: without, this program doesn't run where the
	// source is.
	settings() []setting
	request(ctx context.Context) (assertion, error)
	// failure is that of an attempt in which request returned err.
	failure(err error) *retry.Failure
}

// funcSource is the source of a credential that was given an AssertionFunc.
type funcSource AssertionFunc

func (funcSource) name() string        { return "assertion" }
func (funcSource) settings() []setting { return nil }

func (f funcSource) request(ctx context.Context) (assertion, error) {
	jwt, err := f(ctx)
	return assertion{jwt: jwt, received: time.Now()}, err
}

// failure leaves an error as it is that the AssertionFunc, or a credential behind it, has made fit for users: it may be many
// callers' at once.
func (f funcSource) failure(err error) *retry.Failure {
	var told *AssertionError
	switch {
	case isUnavailable(err):
		return &retry.Failure{Err: shownError(err)}
	case errors.As(err, &told):
		failed := &retry.Failure{Err: shownError(err), RetryAfter: told.retryAfter}
		if told.transient && told.attempts == 0 { // otherwise its source has already tried again itself
			failed.Verdict = retry.Transient
		}
		return failed
	}
	return ownFailure(&AssertionError{Source: f.name(), Err: shownError(err), transient: retry.IsNetworkError(err) && !isFinal(err)})
}

// ownFailure is that of an attempt which made the error itself.
func ownFailure(unusable *AssertionError) *retry.Failure {
	failed := &retry.Failure{
		Err: unusable, RetryAfter: unusable.retryAfter,
		Counted: func(attempts int) { unusable.attempts = attempts },
	}
	if unusable.transient {
		failed.Verdict = retry.Transient
	}
	return failed
}

// isFinal tells whether err says of itself that trying again has no use, as those of credentials do that have tried again.
func isFinal(err error) bool {
	var final interface{ NonRetriable() }
	return errors.As(err, &final)
}

var errNoAssertionFunc = errors.New("azoidc: the assertion function is nil")

// clockTolerance is how long past its end Microsoft Entra still takes an assertion.
const clockTolerance = 5 * time.Minute

// check parses the claims and refuses what Microsoft Entra can only refuse: no JWT, or one that is long over.
func (a *assertion) check(source string, entra *outbound.Clock) error {
	claims, err := ParseClaims(a.jwt)
	if err != nil {
		return &AssertionError{Source: source, Err: err, advice: adviseAlone}
	}
	a.claims = claims
	if !a.clockTold {
		a.clockOffset, a.clockTold = entra.Offset()
	}
	over := a.arrived().Sub(claims.ExpiresAt)
	if claims.ExpiresAt.IsZero() || over <= clockTolerance {
		return nil
	}
	whose := "this machine's clock"
	if a.clockOffset.Abs() >= advice.WrongClock {
		whose = "the service's clock"
	}
	return &AssertionError{
		Source: source,
		Claims: &a.claims,
		Err: fmt.Errorf("the assertion expired %s ago by %s, which says %s, so it wasn't presented",
			over.Round(time.Second), whose, timestamp(a.arrived())),
		advice: "the source handed out an old assertion, twice: it is fixed, or cached (Azure DevOps keeps tokens up to a day). " +
			"Use a source that requests a new one each time, or Preload every scope before it expires; else run the job again",
	}
}

// arrived is when the assertion came, by the best clock that is known.
func (a *assertion) arrived() time.Time { return a.received.Add(a.clockOffset) }

const (
	// commandTimeout bounds a command where the caller's context has no deadline.
	commandTimeout = time.Minute
	// maxCommandOutput is far more than any JWT or any useful message has.
	maxCommandOutput = 1 << 20
)

// CommandAssertion returns a function that runs the command name with args at every call. The command prints the assertion
// on its standard output; white space around it is trimmed. If the command fails, the error quotes its standard error and
// never its standard output. What the command leaves running may hold its output open, and is left. When ctx ends, or
// after one minute if ctx has no deadline, the command is killed with all that it started (on Unix, its process group).
func CommandAssertion(name string, args ...string) AssertionFunc {
	args = append([]string(nil), args...)
	return func(ctx context.Context) (string, error) {
		ctx, cancel := within(ctx, commandTimeout)
		defer cancel()
		stdout, stderr := &limitedBuffer{}, &limitedBuffer{}
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stdout, cmd.Stderr = stdout, stderr
		proc.KillTree(cmd)
		if err := proc.Run(cmd); err != nil {
			return "", commandFailed(ctx, name, stdout.String(), stderr.String(), err)
		}
		jwt := strings.TrimSpace(stdout.String())
		if jwt == "" {
			return "", commandFailed(ctx, name, "", stderr.String(), errors.New("it printed nothing on its standard output"))
		}
		return fromElsewhere("command", jwt)
	}
}

func commandFailed(ctx context.Context, name, stdout, stderr string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &AssertionError{
		Source: "command",
		Err:    fmt.Errorf("%s: %w", redact.Line(name), redact.Error(err, stdout)),
		said:   redact.Line(stderr, stdout),
		advice: "run the command by hand: it must print the JWT on its standard output, nothing else, and exit with 0",
	}
}

// limitedBuffer keeps what fits and takes the rest without a word, so that the command isn't killed by a broken pipe.
type limitedBuffer struct {
	kept bytes.Buffer
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	room := max(maxCommandOutput-b.kept.Len(), 0)
	b.kept.Write(p[:min(len(p), room)])
	return len(p), nil
}

func (b *limitedBuffer) String() string { return b.kept.String() }
