package tokencache

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// A flightContext has the values of the context of the caller who began the flight, for tracing, but not its end; and not
// what azcore's policies would do for the caller's own request: write its response into the caller's variable, add the
// caller's headers, and retry as the caller wants. A flight outlives that request, and is for others, too.
type flightContext struct {
	context.Context // of context.WithoutCancel
	distrusts       bool
}

func newFlightContext(caller context.Context, distrusts bool) flightContext {
	return flightContext{context.WithoutCancel(caller), distrusts}
}

type distrustKey struct{}

// Distrusts tells whether an acquisition under ctx follows an Invalidate, so that no other cache may bring back what was
// invalidated.
func Distrusts(ctx context.Context) bool { return ctx.Value(distrustKey{}) != nil }

// Value implements [context.Context].
func (c flightContext) Value(key any) any {
	if _, asked := key.(distrustKey); asked {
		if c.distrusts {
			return true
		}
		return nil
	}
	value := c.Context.Value(key)
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
