package outbound

import (
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/azoidc/azoidc/internal/redact"
)

// PanicError returns what panicked and where, for the value that recover returned; nil for none. Somebody else's code (an
// AssertionFunc, a policy, a transport, a credential behind a cache) runs in goroutines of this library, where no caller can
// recover, so a panic would end the process. The deferred function that recovers calls it. The stack goes to azcore's log. No
// secret given is in either.
func PanicError(value any, secrets ...string) error {
	if value == nil {
		return nil
	}
	text := redact.Line(fmt.Sprint(value), secrets...)
	LogEvent("panic", redact.Text(string(debug.Stack()), secrets...))
	return fmt.Errorf("panic in %s: %s", panicOrigin(), text)
}

// panicOrigin is the function that panicked, with its file and line.
func panicOrigin() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	panicked := false
	for {
		frame, more := frames.Next()
		if panicked && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s (%s:%d)", path.Base(frame.Function), filepath.Base(frame.File), frame.Line)
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown function"
		}
	}
}
