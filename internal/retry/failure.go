package retry

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// A Verdict says whether another attempt may do better than one that failed.
type Verdict int

const (
	Final          Verdict = iota // no
	Transient                     // yes, after a while
	StaleAssertion                // yes, with a newer assertion: AADSTS700024
	NotReplicated                 // yes, once all of Entra's servers know the federated identity credential
)

// A Failure is what one attempt ended with.
type Failure struct {
	Err        error
	Verdict    Verdict
	RetryAfter time.Duration // what the service asked for; 0 when it didn't
	Untried    bool          // nothing was sent
	// Counted, if set, is told how many attempts there were, this one included unless it was untried.
	Counted func(attempts int)
}

func (f *Failure) count(attempts int) {
	if f.Counted != nil {
		f.Counted(attempts)
	}
}

// after is the error to return: where the time merely ran out, it leads with why the earlier attempt failed.
func (f *Failure) after(earlier *Failure) error {
	ranOut := errors.Is(f.Err, context.DeadlineExceeded) || errors.Is(f.Err, context.Canceled)
	if earlier == nil || !ranOut {
		return f.Err
	}
	return &interrupted{reason: earlier.Err, end: f.Err}
}

// interrupted is the error of attempts that had a reason to be repeated when their time ran out.
type interrupted struct {
	reason, end error
}

func (e *interrupted) Error() string {
	return e.reason.Error() + "\n  then:      the time ran out before another attempt had an answer"
}

func (e *interrupted) Unwrap() []error { return []error{e.reason, e.end} }

// Each returns a copy of e whose errors own has made, each for one caller.
func (e *interrupted) Each(own func(error) error) error {
	return &interrupted{reason: own(e.reason), end: own(e.end)}
}

// NonRetriable marks the error for azcore's retry policy.
func (*interrupted) NonRetriable() {}

// IsNetworkError holds for an error that a network may cause for a moment.
func IsNetworkError(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
