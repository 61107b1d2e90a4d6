package azoidc

import (
	"testing"

	"github.com/azoidc/azoidc/internal/redact"
)

func FuzzEntraError(f *testing.F) {
	for _, body := range []string{
		"", `{"error":"invalid_client","error_description":"AADSTS700024: no","error_codes":[700024]}`,
		`{"error_codes":[1,2]}`, `{"error_codes":"x","error_description":"AADSTS1234567890: x"}`, "AADSTS50196: loop", `{"error":{"code":1}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := parseEntraError(body)
		_ = codeName(answer.code())
		requireOneLine(t, redact.Line(answer.ErrorDescription))
		requireOneLine(t, redact.Body(body))
		_ = checkTokenAnswer(body)
	})
}
