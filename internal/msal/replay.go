package msal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// A Redeem makes azidentity's credential with first as the first policy of its pipeline.
type Redeem func(first policy.Policy) (azcore.TokenCredential, error)

// Replay returns what MSAL makes of a token endpoint's answer that is here already. No request is sent.
func Replay(ctx context.Context, redeem Redeem, request policy.TokenRequestOptions, answer []byte) (azcore.AccessToken, error) {
	cred, err := redeem(replay{answer})
	if err != nil {
		return azcore.AccessToken{}, err
	}
	return cred.GetToken(ctx, request)
}

// A replay answers MSAL's requests from memory.
type replay struct {
	token []byte // nil: there is none
}

var errSilent = errors.New("no request is made")

// Do implements [policy.Policy].
func (r replay) Do(req *policy.Request) (*http.Response, error) {
	switch {
	case r.token == nil:
		return nil, errSilent
	case req.Raw().Method == http.MethodPost:
		return answering(req.Raw(), r.token), nil
	}
	return answering(req.Raw(), configurationFor(req.Raw())), nil
}

// configurationFor is an openid-configuration that MSAL accepts of the host that it asks.
func configurationFor(req *http.Request) []byte {
	authority := strings.TrimSuffix(req.URL.Scheme+"://"+req.URL.Host+req.URL.Path, "/.well-known/openid-configuration")
	document, _ := json.Marshal(map[string]string{ // which never fails
		"issuer": authority, "authorization_endpoint": authority + "/authorize", "token_endpoint": authority + "/token",
	})
	return document
}

func answering(req *http.Request, body []byte) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}
}
