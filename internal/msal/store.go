package msal

import (
	"context"
	"fmt"
	"time"
)

// patience is how long a caller waits for others to write their tokens: much longer than any number of writes take.
const patience = 10 * time.Second

// writing is held while MSAL changes a cache: whichever, for two values of azidentity.Cache can be of the same name.
var writing = make(chan struct{}, 1)

// LockStores waits until nobody else in this process changes a persistent cache. Between processes there is what azidentity has: a
// lock on the write alone, so that one of two that write at the same time may lose the other's token, which costs an exchange.
// With an error, unlock does nothing.
func LockStores(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case writing <- struct{}{}:
		return func() { <-writing }, nil
	case <-ctx.Done():
		return func() {}, fmt.Errorf("another goroutine writes to a persistent cache: %w", ctx.Err())
	}
}
