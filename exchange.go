package azoidc

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/discovery"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/retry"
	"github.com/azoidc/azoidc/internal/tokencache"
)

// A redeemer builds the azidentity credential that redeems one assertion.
type redeemer func(identity, AssertionFunc, *azidentity.ClientAssertionCredentialOptions) (azcore.TokenCredential, error)

// An exchange gets access tokens for assertions. It keeps no token, which is TokenCache's part, and holds no lock, so
// that scopes run side by side.
type exchange struct {
	credential string // the type, for errors
	identity   identity
	source     assertionSource
	redeem     redeemer
	// userAssertion is what an on-behalf-of exchange carries beside the client's assertion.
	userAssertion redact.Secret
	options       azidentity.ClientAssertionCredentialOptions // of each attempt
	retries       retry.Options
	// replication is CredentialOptions.ReplicationTimeout.
	replication time.Duration
	documents   discovery.Documents
	cooldown    retry.Cooldown
	succeeded   atomic.Bool
}

// GetToken makes attempts until one succeeds, none is left, or ctx ends.
func (x *exchange) GetToken(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := x.available(); err != nil {
		return azcore.AccessToken{}, err
	}
	if err := checkScopes(request.Scopes); err != nil {
		return azcore.AccessToken{}, err
	}
	var token azcore.AccessToken
	plan := x.retries.Plan(x.replicationWindow())
	err := plan.Run(x.retries.Once(ctx), func(ctx context.Context) (failed *retry.Failure) {
		token, failed = x.attempt(ctx, request)
		return failed
	})
	if err == nil {
		x.succeeded.Store(true)
	}
	return token, err
}

// available reports what keeps this program from ever getting a token here, without a request.
func (x *exchange) available() error {
	if err := x.source.available(); err != nil {
		return err
	}
	return x.identity.available(x.credential)
}

// A federated identity credential that never worked is probably wrong, and its user should hear so soon; one that has
// worked is probably right, and one of Entra's servers wrong for a moment.
func (x *exchange) replicationWindow() time.Duration {
	switch {
	case x.replication != 0:
		return x.replication
	case x.succeeded.Load():
		return 30 * time.Second
	}
	return 5 * time.Second
}

// An attempt is the single use of one azidentity credential, with one assertion. As the first policy of that
// credential's pipeline it sees every request that MSAL makes, and every answer before MSAL does.
type attempt struct {
	*exchange
	scopes    []string
	assertion *pendingAssertion
	document  string         // the address of the openid-configuration that MSAL was given
	failed    *retry.Failure // of the latest step; azidentity's own error would flatten it to text
	answer    []byte         // Entra's success, once MSAL was given it
}

func (x *exchange) attempt(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, *retry.Failure) {
	if left := x.cooldown.Wait(ctx); left > 0 {
		return azcore.AccessToken{}, x.coolingDown(left, request.Scopes)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempt{exchange: x, scopes: request.Scopes, assertion: x.assertionLater(ctx)}
	options := x.options
	options.PerCallPolicies = slices.Concat([]policy.Policy{a}, x.options.PerCallPolicies)
	if tokencache.Distrusts(ctx) {
		options.Cache = azidentity.Cache{}
	}
	cred, err := x.redeem(x.identity, a.assert, &options)
	if err != nil {
		return azcore.AccessToken{}, &retry.Failure{Err: redact.Error(err)}
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
		return "", failed.Err
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
		return nil, redact.Error(err, a.secrets()...)
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		a.failed = a.unreached(req.Raw(), err)
		return nil, redact.Error(err, a.secrets()...)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated { // MSAL takes both for a success
		resp = redact.Response(resp, body, a.secrets()...)
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
	return []string{a.userAssertion.Reveal(), a.assertion.peek().jwt}
}

// A pendingAssertion is requested in the background once somebody begins it.
type pendingAssertion struct {
	source  string
	request func() (assertion, *retry.Failure)
	started sync.Once
	done    chan struct{}
	// Both are set before done is closed.
	assertion assertion
	failed    *retry.Failure
}

// assertionLater ends its request when ctx ends.
func (x *exchange) assertionLater(ctx context.Context) *pendingAssertion {
	return &pendingAssertion{
		source:  x.source.name(),
		request: func() (assertion, *retry.Failure) { return x.newAssertion(ctx) },
		done:    make(chan struct{}),
	}
}

func (p *pendingAssertion) begin() {
	p.started.Do(func() {
		go func() {
			defer close(p.done)
			p.failed = &retry.Failure{Err: &AssertionError{Source: p.source, Err: errGone}} // unless request returns
			p.assertion, p.failed = p.request()
		}()
	})
}

func (p *pendingAssertion) get(ctx context.Context) (assertion, *retry.Failure) {
	p.begin()
	select {
	case <-p.done:
		return p.assertion, p.failed
	case <-ctx.Done():
		return assertion{}, &retry.Failure{Err: &AssertionError{Source: p.source, Err: ctx.Err(),
			advice: "the assertion's source didn't answer in time; see TokenCacheOptions.AcquireTimeout"}}
	}
}

// peek returns the assertion if it has come.
func (p *pendingAssertion) peek() assertion {
	select {
	case <-p.done:
		return p.assertion
	default:
		return assertion{}
	}
}

// newAssertion requests an assertion that may be presented. A source that hands out another kind is asked once more:
// it may have answered from a cache, or with half a file.
func (x *exchange) newAssertion(ctx context.Context) (assertion, *retry.Failure) {
	for second := false; ; second = true {
		fresh, err := x.source.request(ctx)
		if err != nil {
			return assertion{}, failedAssertion(x.source.name(), err)
		}
		if err = fresh.check(x.source.name()); err == nil {
			return fresh, nil
		}
		if second {
			return assertion{}, &retry.Failure{Err: err}
		}
	}
}
