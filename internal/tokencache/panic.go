package tokencache

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azoidc/azoidc/internal/redact"
)

// A panicError is what became of a panic in somebody else's code, which would have ended the program: nobody can recover it
// from outside of the goroutine.
type panicError struct {
	text  string
	value any
}

func (e *panicError) Error() string { return e.text }

// Unwrap returns what the code panicked with, if that is an error.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// NonRetriable marks the error for azcore's retry policy.
func (*panicError) NonRetriable() {}

// Panicked makes an error of the value that a deferred function recovered. The error says what panicked, and where; the
// stack is written to azcore's log. Only that deferred function may call it.
func Panicked(value any) error {
	e := &panicError{redact.Line(fmt.Sprintf("azoidc: a panic during the acquisition of a token: %v (%s)", value, panicSite())), value}
	logStack(e.text, debug.Stack())
	return e
}

// panicSite names the innermost function outside of package runtime that was running when the panic began.
func panicSite() string {
	counters := make([]uintptr, 64)
	frames := runtime.CallersFrames(counters[:runtime.Callers(0, counters)])
	for panicked, more := false, true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicked = true
		case panicked && !strings.HasPrefix(frame.Function, "runtime."):
			return fmt.Sprintf("in %s, %s:%d", frame.Function, filepath.Base(frame.File), frame.Line)
		}
	}
	return "at an unknown place"
}

// logStack writes to azcore's log in the one way that azcore has for other modules: as a ResponseError event, which Azure
// SDK clients write for an answer that is an error.
func logStack(headline string, stack []byte) {
	_ = azruntime.NewResponseErrorWithErrorCode(&http.Response{
		Status: headline,
		Body:   io.NopCloser(bytes.NewReader([]byte(redact.Text(string(stack))))),
	}, "panic")
}
