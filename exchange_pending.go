package azoidc

import (
	"context"
	"sync"
)

// A pendingAssertion is requested in the background once somebody begins it.
type pendingAssertion struct {
	source  string
	request func() (assertion, *failure)
	started sync.Once
	done    chan struct{}
	// Both are set before done is closed.
	assertion assertion
	failed    *failure
}

// assertionLater ends its request when ctx ends.
func (x *exchange) assertionLater(ctx context.Context) *pendingAssertion {
	return &pendingAssertion{
		source:  x.source.name(),
		request: func() (assertion, *failure) { return x.newAssertion(ctx) },
		done:    make(chan struct{}),
	}
}

func (p *pendingAssertion) begin() {
	p.started.Do(func() {
		go func() {
			defer close(p.done)
			p.failed = &failure{err: &AssertionError{Source: p.source, Err: errGone}} // unless request returns
			p.assertion, p.failed = p.request()
		}()
	})
}

func (p *pendingAssertion) get(ctx context.Context) (assertion, *failure) {
	p.begin()
	select {
	case <-p.done:
		return p.assertion, p.failed
	case <-ctx.Done():
		return assertion{}, &failure{err: &AssertionError{Source: p.source, Err: ctx.Err(),
			advice: "the assertion's source didn't answer in time; see TokenCacheOptions.AcquireTimeout"}}
	}
}

// peek returns the assertion if it has come.
func (p *pendingAssertion) peek() assertion {
	select {
	case <-p.done:
		return p.assertion
	default:
		return assertion{}
	}
}

// newAssertion requests an assertion that may be presented. A source that hands out another kind is asked once more:
// it may have answered from a cache, or with half a file.
func (x *exchange) newAssertion(ctx context.Context) (assertion, *failure) {
	for second := false; ; second = true {
		fresh, err := x.source.request(ctx)
		if err != nil {
			return assertion{}, failedAssertion(x.source.name(), err)
		}
		if err = fresh.check(x.source.name()); err == nil {
			return fresh, nil
		}
		if second {
			return assertion{}, &failure{err: err}
		}
	}
}
