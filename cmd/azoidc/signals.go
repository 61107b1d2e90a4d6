package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signals are those that came and weren't dealt with yet.
type signals struct {
	came chan os.Signal
}

// watchSignals catches the signals that are passed on, but for those that azoidc was started to ignore (nohup).
func watchSignals() *signals {
	s := &signals{came: make(chan os.Signal, 16)}
	for _, sig := range passedOn {
		if !signal.Ignored(sig) {
			signal.Notify(s.came, sig)
		}
	}
	return s
}

func (s *signals) stop() { signal.Stop(s.came) }

// cancel ends the context it returns when a signal comes. Its stop returns that signal, or nil.
func (s *signals) cancel(parent context.Context) (ctx context.Context, stop func() os.Signal) {
	ctx, cancel := context.WithCancel(parent)
	var (
		waiting sync.WaitGroup
		caught  os.Signal
	)
	waiting.Go(func() {
		select {
		case caught = <-s.came:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() os.Signal {
		cancel()
		waiting.Wait()
		return caught
	}
}

// passTo passes signals on, those that have come already too, until stop is called.
func (s *signals) passTo(pass func(os.Signal)) (stop func()) {
	return background(func(ctx context.Context) error {
		for {
			select {
			case sig := <-s.came:
				pass(sig)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// exitOfSignal is the exit status that shells report for what a signal ended.
func exitOfSignal(sig os.Signal) int {
	if number, ok := sig.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitNotWell
}
