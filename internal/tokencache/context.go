package tokencache

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/outbound"
)

// A flightContext has the values of the context of the caller who began the flight, for tracing, but not its end; and not
// what azcore's policies would do for the caller's own request: write its response into the caller's variable, its URL into the
// state of the caller's span, add the caller's headers, and retry as the caller wants. A flight outlives that request, and is for others, too.
//
// It is a context of its own rather than one of context.WithTimeout because a new key costs little else.
type flightContext struct {
	values    context.Context
	distrusts bool
	deadline  time.Time

	mu    sync.Mutex
	done  chan struct{} // made once somebody asks for it
	err   error         // why it ended
	after []*func()     // to be called when it ends
}

// Deadline implements [context.Context].
func (c *flightContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done implements [context.Context].
func (c *flightContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err implements [context.Context].
func (c *flightContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// AfterFunc is what package context looks for in other packages' contexts, lest each child take a goroutine.
func (c *flightContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	c.after = append(c.after, &f)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.after, &f)
		if i < 0 {
			return false
		}
		c.after = slices.Delete(c.after, i, i+1)
		return true
	}
}

// end ends the context unless it has ended.
func (c *flightContext) end(err error) {
	for _, f := range c.ended(err) {
		(*f)()
	}
}

// ended returns what is to be called, without the lock.
func (c *flightContext) ended(err error) []*func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	after := c.after
	c.after = nil
	return after
}

type distrustKey struct{}

// Distrusts tells whether an acquisition under ctx follows an Invalidate, so that no other cache may bring back what was
// invalidated.
func Distrusts(ctx context.Context) bool { return ctx.Value(distrustKey{}) != nil }

// Value implements [context.Context].
func (c *flightContext) Value(key any) any {
	if _, asked := key.(distrustKey); asked {
		if c.distrusts {
			return true
		}
		return nil
	}
	if outbound.IsTracingState(key) {
		return nil
	}
	value := context.WithoutCancel(c.values).Value(key)
	switch value.(type) {
	case **http.Response, http.Header, policy.RetryOptions:
		if isAzcoreKey(key) {
			return nil
		}
	}
	return value
}

// isAzcoreKey tells the keys of policy.WithCaptureResponse and its like, whose types azcore doesn't export, from a
// caller's own.
func isAzcoreKey(key any) bool {
	return strings.HasPrefix(reflect.TypeOf(key).PkgPath(), "github.com/Azure/azure-sdk-for-go/sdk/azcore/")
}
