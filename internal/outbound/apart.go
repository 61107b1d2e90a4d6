package outbound

import (
	"context"
	"reflect"
	"strings"
)

// Apart returns ctx for a request that is under way at the same time as others under ctx, or after them. azcore's tracing keeps
// the URL of the latest request in the context, for the spans around it, and two requests must not write there at once.
func Apart(ctx context.Context) context.Context { return apart{ctx} }

type apart struct{ context.Context }

func (c apart) Value(key any) any {
	if IsTracingState(key) {
		return nil
	}
	return c.Context.Value(key)
}

// IsTracingState tells azcore's key for what its tracing keeps in a context. The key's type isn't exported.
func IsTracingState(key any) bool {
	return strings.HasSuffix(reflect.TypeOf(key).PkgPath(), "/azcore/internal/sanitizer")
}
