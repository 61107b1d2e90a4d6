package azoidc

import (
	"encoding/json"
	"net/http"

	"github.com/azoidc/azoidc/internal/discovery"
)

// checkAnswer returns what is wrong with the body of a success.
func checkAnswer(req *http.Request, body []byte) string {
	switch {
	case req.Method == http.MethodPost:
		return checkTokenAnswer(body)
	case discovery.Asks(req) && !discovery.Usable(body):
		return "Entra's openid-configuration was empty, cut or of another kind"
	}
	return ""
}

// checkTokenAnswer returns what is wrong with the body of a success, without a word of it: MSAL and azidentity would
// quote it whole, access token included.
// https://www.rfc-editor.org/rfc/rfc6749#section-5.1
func checkTokenAnswer(body []byte) string {
	var answer struct {
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if len(body) == 0 {
		return "Entra's answer was empty"
	}
	if json.Unmarshal(body, &answer) != nil {
		return "Entra's answer was no JSON document of a token, or was cut"
	}
	if answer.AccessToken == "" {
		return "Entra's answer held no access_token"
	}
	if lifetime, err := answer.ExpiresIn.Int64(); err != nil || lifetime <= 0 {
		return "Entra's answer held no expires_in above 0"
	}
	return ""
}

// tokensIn are the secrets in the body of a success.
func tokensIn(body []byte) []string {
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		IDToken      string `json:"id_token"`
	}
	_ = json.Unmarshal(body, &answer) // what it can't decode, MSAL couldn't quote as a token either
	return []string{answer.AccessToken, answer.RefreshToken, answer.IDToken}
}
