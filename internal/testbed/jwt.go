package testbed

import "encoding/base64"

// JWT makes an unsigned JWT of the payload.
func JWT(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode([]byte(payload)) + "." + encode([]byte("signature"))
}
