package outbound

import (
	"io"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// LogRefusal writes an answer that is no success to azcore's log, where listeners of Azure SDK clients see it, as the
// ResponseError event that every such client writes for one. The error made is not kept: found by errors.As, its 404 would be
// taken for that of a resource.
func LogRefusal(withoutSecrets *http.Response, code string) {
	_ = runtime.NewResponseErrorWithErrorCode(withoutSecrets, code)
}

// LogEvent writes what happened without a request, of the kind and with the text given, which has passed the gate. It comes as a
// ResponseError event, too: azcore has no other for a module outside of its own.
func LogEvent(kind, text string) {
	LogRefusal(&http.Response{Status: "(no response)", Body: io.NopCloser(strings.NewReader(text))}, kind)
}
