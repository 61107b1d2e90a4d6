package azoidc

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/discovery"
)

// An attempt is the single use of one azidentity credential, with one assertion. As the first policy of that
// credential's pipeline it sees every request that MSAL makes, and every answer before MSAL does.
type attempt struct {
	*exchange
	scopes    []string
	assertion *pendingAssertion
	document  string   // the address of the openid-configuration that MSAL was given
	failed    *failure // of the latest step; azidentity's own error would flatten it to text
	answer    []byte   // Entra's success, once MSAL was given it
}

func (x *exchange) attempt(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, *failure) {
	if left := x.hold.wait(ctx); left > 0 {
		return azcore.AccessToken{}, x.heldBack(left, request.Scopes)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempt{exchange: x, scopes: request.Scopes, assertion: x.assertionLater(ctx)}
	options := x.options
	options.PerCallPolicies = slices.Concat([]policy.Policy{a}, x.options.PerCallPolicies)
	if avoidsPersistentCache(ctx) {
		options.Cache = azidentity.Cache{}
	}
	cred, err := x.redeem(x.identity, a.assert, &options)
	if err != nil {
		return azcore.AccessToken{}, &failure{err: err}
	}
	token, err := cred.GetToken(ctx, request)
	if err != nil {
		return azcore.AccessToken{}, a.explain(ctx, err)
	}
	return token, nil
}

// assert is azidentity's callback for the assertion.
func (a *attempt) assert(ctx context.Context) (string, error) {
	a.document = "" // MSAL has found it good
	presented, failed := a.assertion.get(ctx)
	if failed != nil {
		a.failed = failed
		return "", failed.err
	}
	return presented.jwt, nil
}

// Do implements [policy.Policy].
func (a *attempt) Do(req *policy.Request) (*http.Response, error) {
	a.failed = nil
	if discovery.Asks(req.Raw()) {
		// MSAL asks for the assertion only once it has read this document, so both are asked for now, side by side.
		a.assertion.begin()
		a.document = req.Raw().URL.String()
		return a.inspect(req, a.documents.Do)
	}
	return a.inspect(req, (*policy.Request).Next)
}

// inspect sends req and hands on only what is safe in MSAL's and azidentity's hands: they quote what they can't use.
func (a *attempt) inspect(req *policy.Request, send func(*policy.Request) (*http.Response, error)) (*http.Response, error) {
	resp, err := send(req)
	if err != nil {
		a.failed = a.unreached(req.Raw(), err)
		return nil, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		a.failed = a.unreached(req.Raw(), err)
		return nil, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated { // MSAL takes both for a success
		resp = withoutSecrets(resp, body, a.secrets()...)
		a.failed = a.refused(req.Raw(), resp, body)
		return resp, nil
	}
	if problem := checkAnswer(req.Raw(), body); problem != "" {
		a.failed = a.unusable(req.Raw(), resp, problem)
		return nil, errors.New(problem)
	}
	if req.Raw().Method == http.MethodPost {
		a.answer = body
	}
	return resp, nil
}

func (a *attempt) secrets() []string {
	return []string{a.userAssertion, a.assertion.peek().jwt}
}
