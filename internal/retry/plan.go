package retry

import (
	"context"
	"time"
)

// A Plan decides over the attempts of one GetToken. It serves once.
type Plan struct {
	options     Options
	replication time.Duration
	began       time.Time

	retried  int32 // attempts after transient failures
	renewed  bool  // an attempt after a stale assertion
	repeated int32 // attempts for replication
}

// Plan begins now. Failures that are NotReplicated are repeated for as long as replication.
func (o Options) Plan(replication time.Duration) *Plan {
	return &Plan{options: o, replication: replication, began: time.Now()}
}

// Run makes attempts until one succeeds, none is left, or ctx ends.
func (p *Plan) Run(ctx context.Context, attempt func(context.Context) *Failure) error {
	var earlier *Failure
	for tried := 0; ; {
		failed := attempt(ctx)
		if failed == nil {
			return nil
		}
		if !failed.Untried {
			tried++
		}
		failed.count(tried)
		delay, again := p.next(ctx, failed)
		if !again || !sleep(ctx, delay) {
			return failed.after(earlier)
		}
		earlier = failed
	}
}

// next says how long to wait before another attempt, and whether there is to be one.
func (p *Plan) next(ctx context.Context, failed *Failure) (delay time.Duration, again bool) {
	if ctx.Err() != nil {
		return 0, false
	}
	switch failed.Verdict {
	case Transient:
		delay, again = p.retry()
	case StaleAssertion:
		delay, again = p.renew()
	case NotReplicated:
		delay, again = p.repeat()
	}
	if !again {
		return 0, false
	}
	if failed.RetryAfter > 0 {
		return p.obey(ctx, failed.RetryAfter)
	}
	return delay, leaves(ctx, delay)
}

func (p *Plan) retry() (time.Duration, bool) {
	p.retried++
	return p.options.backoff(p.retried), p.retried <= p.options.MaxRetries
}

func (p *Plan) renew() (time.Duration, bool) {
	again := !p.renewed && p.options.MaxRetries > 0
	p.renewed = true
	return 0, again
}

func (p *Plan) repeat() (time.Duration, bool) {
	delay := min(time.Second<<min(p.repeated, 4), 10*time.Second)
	p.repeated++
	return delay, p.options.MaxRetries > 0 && time.Since(p.began)+delay <= p.replication
}

// obey waits at least as long as the service asked, and mostly longer, for programs that were turned away at the same
// moment were asked to come back at the same moment.
func (p *Plan) obey(ctx context.Context, asked time.Duration) (time.Duration, bool) {
	if limit := p.options.longestRetryAfter; limit > 0 && asked > limit {
		return 0, false
	}
	extra := asked / 2
	if deadline, ok := ctx.Deadline(); ok {
		extra = min(extra, time.Until(deadline)-asked)
	}
	return asked + Spread(extra, 0, 1), extra > 0
}

// leaves tells whether ctx still has time after d.
func leaves(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || d < time.Until(deadline)
}

// sleep returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool { return sleepUnless(ctx, d, nil) }
