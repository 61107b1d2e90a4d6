package azoidc

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// logRefusal writes a refused request to azcore's log, as the ResponseError event that every Azure SDK client writes for
// one. azcore has no other way for a module outside of its own to write to its log. The error made is not kept: found by
// errors.As, its 404 would be taken for that of a resource.
func logRefusal(withoutSecrets *http.Response, code string) {
	_ = runtime.NewResponseErrorWithErrorCode(withoutSecrets, code)
}
