package msal

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
)

const (
	// NoClaims makes MSAL ask for a new token, which it then stores, though it holds one: it looks for none when it is asked
	// with claims.
	NoClaims = "{}"
	// Tombstone is the token that stands where one was forgotten.
	Tombstone = "forgotten"
)

// tombstone is the answer of a token endpoint that MSAL stores in place of the forgotten token. MSAL takes no token from a
// store that has less than five minutes left, but stores none either. So it has a second more; and in that second MSAL
// first asks for another one, because the time to refresh has come.
const tombstone = `{"token_type":"Bearer","access_token":"` + Tombstone + `","expires_in":301,"refresh_in":0}`

// Forget makes the persistent cache of redeem's credential forget the token for request, if it holds one. No request is sent.
func Forget(ctx context.Context, redeem Redeem, request policy.TokenRequestOptions) error {
	unlock, err := LockStores(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	request.Claims = ""
	if held, err := Replay(ctx, redeem, request, nil); err != nil || held.Token == Tombstone {
		return nil // MSAL finds none, and would have to ask for one
	}
	request.Claims = NoClaims
	if _, err = Replay(ctx, redeem, request, []byte(tombstone)); err != nil {
		return fmt.Errorf("the persistent cache didn't forget a token: %w", err)
	}
	return nil
}

// WithoutNoClaims takes [NoClaims] out of a request for a token again: they say nothing to Entra.
func WithoutNoClaims(req *policy.Request) error {
	if req.Body() == nil {
		return nil
	}
	body, err := io.ReadAll(req.Body())
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	if form.Get("claims") == NoClaims {
		form.Del("claims")
	}
	return req.SetBody(streaming.NopCloser(strings.NewReader(form.Encode())), req.Raw().Header.Get("Content-Type"))
}
