package tokenserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// The Azure Developer CLI asks another program for tokens, by a protocol of its own:
// https://github.com/Azure/azure-dev/blob/main/cli/azd/docs/external-authentication.md
const (
	azdPath    = "/azd"
	azdToken   = "/token" // azd appends it
	azdVersion = "2023-07-12-preview"
)

// maxAzdBody is far more than any scopes take.
const maxAzdBody = 16 << 10

func (h *Handler) azd() *protocol {
	return &protocol{
		method:    http.MethodPost,
		knows:     h.azdKey.borneBy,
		wanted:    "the key is missing or wrong: present the value of AZD_AUTH_KEY as the bearer token; it changes with every run",
		challenge: "Bearer",
		serve:     h.serveAzd,
	}
}

func (h *Handler) serveAzd(w http.ResponseWriter, r *http.Request) {
	options, err := parseAzd(w, r)
	if err != nil {
		refuseAzd(w, err)
		return
	}
	token, err := h.identities[0].token(r.Context(), options)
	if err != nil {
		h.log(r.Context(), fmt.Sprint(options.Scopes), err)
		refuseAzd(w, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Status    string `json:"status"`
		Token     string `json:"token"`
		ExpiresOn string `json:"expiresOn"`
	}{"success", token.Token, token.ExpiresOn.UTC().Format(time.RFC3339)})
}

func parseAzd(w http.ResponseWriter, r *http.Request) (policy.TokenRequestOptions, error) {
	var wanted struct {
		Scopes   []string `json:"scopes"`
		TenantID string   `json:"tenantId"`
	}
	if version := r.URL.Query().Get("api-version"); version != azdVersion {
		return policy.TokenRequestOptions{}, fmt.Errorf("api-version %q isn't supported: use %s", version, azdVersion)
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAzdBody)).Decode(&wanted); err != nil {
		return policy.TokenRequestOptions{}, fmt.Errorf("the body can't be read as JSON: %w", err)
	}
	if len(wanted.Scopes) == 0 {
		return policy.TokenRequestOptions{}, fmt.Errorf(`scopes are needed, for example {"scopes":["https://management.azure.com/.default"]}`)
	}
	return policy.TokenRequestOptions{Scopes: wanted.Scopes, TenantID: wanted.TenantID}, nil
}

// refuseAzd answers 200, for azd shows nothing of any other answer but its status.
func refuseAzd(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusOK, struct {
		Status  string `json:"status"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}{"error", "GetTokenError", redact.Text(err.Error())})
}
