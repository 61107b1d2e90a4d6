package azoidc

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// A verdict says whether another attempt may do better than one that failed.
type verdict int

const (
	final          verdict = iota // no
	transient                     // yes, after a while
	staleAssertion                // yes, with a newer assertion: AADSTS700024
	notReplicated                 // yes, once all of Entra's servers know the federated identity credential
)

// A failure is what one attempt ended with.
type failure struct {
	err        error
	verdict    verdict
	retryAfter time.Duration // what the service asked for; 0 when it didn't
}

// failedAssertion is the failure of an attempt that got err in place of an assertion.
func failedAssertion(source string, err error) *failure {
	var unusable *AssertionError
	if !errors.As(err, &unusable) {
		unusable = &AssertionError{Source: source, Err: err, transient: isNetworkError(err)}
		err = unusable
	}
	failed := &failure{err: err, retryAfter: unusable.retryAfter}
	if unusable.transient && unusable.attempts == 0 { // otherwise its source has already tried again itself
		failed.verdict = transient
	}
	return failed
}

func isNetworkError(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// count puts the number of attempts into the error.
func (f *failure) count(attempts int) {
	if refused := (*ExchangeError)(nil); errors.As(f.err, &refused) {
		refused.Attempts = attempts
	}
	if unusable := (*AssertionError)(nil); errors.As(f.err, &unusable) {
		unusable.attempts = max(unusable.attempts, attempts)
	}
}

// after is the error to return: where the time merely ran out, it leads with why the earlier attempt failed.
func (f *failure) after(earlier *failure) error {
	ranOut := errors.Is(f.err, context.DeadlineExceeded) || errors.Is(f.err, context.Canceled)
	if earlier == nil || !ranOut {
		return f.err
	}
	return &interrupted{reason: earlier.err, end: f.err}
}

// interrupted is the error of attempts that had a reason to be repeated when their time ran out.
type interrupted struct {
	reason, end error
}

func (e *interrupted) Error() string {
	return e.reason.Error() + "\n  then:      the time ran out before another attempt had an answer"
}

func (e *interrupted) Unwrap() []error { return []error{e.reason, e.end} }

// NonRetriable marks the error for azcore's retry policy.
func (*interrupted) NonRetriable() {}
