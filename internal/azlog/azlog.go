// Package azlog writes to azcore's log, where listeners of Azure SDK clients see it.
package azlog

import (
	"io"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// Refusal writes an answer that is no success, as the ResponseError event that every Azure SDK client writes for one. The
// error made is not kept: found by errors.As, its 404 would be taken for that of a resource.
func Refusal(withoutSecrets *http.Response, code string) {
	_ = runtime.NewResponseErrorWithErrorCode(withoutSecrets, code)
}

// Event writes what happened without a request, of the kind and with the text given, which has passed the gate. It comes as a
// ResponseError event, too: azcore has no other for a module outside of its own.
func Event(kind, text string) {
	Refusal(&http.Response{Status: "(no response)", Body: io.NopCloser(strings.NewReader(text))}, kind)
}
