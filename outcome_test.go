package azoidc

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
)

// TestForgettingAllEndsEveryCooldown, also that of a tenant whose tokens the cache has dropped to make room.
func TestForgettingAllEndsEveryCooldown(t *testing.T) {
	x := &exchange{identity: identity{tenantID: "own"}}
	for _, tenant := range []string{"own", "another"} {
		x.cooldowns.Extend(tenant, time.Hour)
	}
	x.forget(policy.TokenRequestOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, tenant := range []string{"own", "another"} {
		require.Zero(t, x.cooldowns.Wait(ctx, tenant), tenant)
	}
}

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
