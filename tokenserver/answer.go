package tokenserver

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// answer has both forms of the expiry, for some clients read only one: MSAL the first, hashicorp's SDK the second.
type answer struct {
	AccessToken string `json:"access_token"`
	ExpiresOn   string `json:"expires_on"` // seconds since 1970, as a string
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Resource    string `json:"resource"`
	TokenType   string `json:"token_type"`
	ClientID    string `json:"client_id,omitempty"`
}

func (h *Handler) answer(request tokenRequest, token azcore.AccessToken) answer {
	return answer{
		AccessToken: token.Token,
		ExpiresOn:   strconv.FormatInt(token.ExpiresOn.Unix(), 10),
		ExpiresIn:   max(int64(time.Until(token.ExpiresOn)/time.Second), 0),
		Resource:    request.resource,
		TokenType:   "Bearer",
		ClientID:    h.clientID,
	}
}

func (a answer) write(w http.ResponseWriter) { writeJSON(w, http.StatusOK, a) }

// writeJSON writes an answer that nobody may keep, because tokens are kept by TokenCache and by the clients.
func writeJSON(w http.ResponseWriter, status int, content any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content) // fails only when the client has left
}
