package azoidc

import (
	"context"
	"time"
)

// A plan decides over the attempts of one GetToken.
type plan struct {
	retries     retries
	replication time.Duration
	began       time.Time

	retried  int32 // attempts after transient failures
	renewed  bool  // an attempt after a stale assertion
	repeated int32 // attempts for replication
}

// run makes attempts until one succeeds, none is left, or ctx ends.
func (p *plan) run(ctx context.Context, attempt func(context.Context) *failure) error {
	var earlier *failure
	for n := 1; ; n++ {
		failed := attempt(ctx)
		if failed == nil {
			return nil
		}
		failed.count(n)
		delay, again := p.next(ctx, failed)
		if !again || !sleep(ctx, delay) {
			return failed.after(earlier)
		}
		earlier = failed
	}
}

// next says how long to wait before another attempt, and whether there is to be one.
func (p *plan) next(ctx context.Context, failed *failure) (delay time.Duration, again bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	switch failed.verdict {
	case transient:
		delay, again = p.retry()
	case staleAssertion:
		delay, again = p.renew()
	case notReplicated:
		delay, again = p.repeat()
	}
	if !again {
		return 0, false
	}
	if failed.retryAfter > 0 {
		return p.obey(ctx, failed.retryAfter)
	}
	return delay, leaves(ctx, delay)
}

func (p *plan) retry() (time.Duration, bool) {
	p.retried++
	return p.retries.backoff(p.retried), p.retried <= p.retries.MaxRetries
}

func (p *plan) renew() (time.Duration, bool) {
	again := !p.renewed && p.retries.MaxRetries > 0
	p.renewed = true
	return 0, again
}

func (p *plan) repeat() (time.Duration, bool) {
	delay := min(time.Second<<min(p.repeated, 4), 10*time.Second)
	p.repeated++
	return delay, time.Since(p.began)+delay <= p.replication
}

// obey waits at least as long as the service asked, and mostly longer, for programs that were turned away at the same
// moment were asked to come back at the same moment.
func (p *plan) obey(ctx context.Context, asked time.Duration) (time.Duration, bool) {
	if limit := p.retries.maxRetryAfter; limit > 0 && asked > limit {
		return 0, false
	}
	extra := asked / 2
	if deadline, ok := ctx.Deadline(); ok {
		extra = min(extra, time.Until(deadline)-asked)
	}
	return asked + spread(extra, 0, 1), extra > 0
}

// leaves tells whether ctx still has time after d.
func leaves(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || d < time.Until(deadline)
}
