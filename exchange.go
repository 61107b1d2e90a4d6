package azoidc

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/msal"
	"github.com/azoidc/azoidc/internal/outbound"
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
	documents   *msal.Documents
	cooldowns   retry.Cooldowns
	entra       outbound.Clock
	lent        msal.Lent
	succeeded   atomic.Bool
	// refreshBefore is TokenCacheOptions.RefreshBefore.
	refreshBefore time.Duration
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
	if lacks := x.lacks(); len(lacks) > 0 {
		return unavailable(x.credential, ci.Missing(lacks...))
	}
	return unexpanded(x.source.settings())
}

// lacks are all the settings without a value.
func (x *exchange) lacks() []ci.Lack {
	return append(lacking(x.source.settings()), x.identity.missing...)
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
	tenantID  string
	scopes    []string
	options   azidentity.ClientAssertionCredentialOptions
	request   policy.TokenRequestOptions
	renews    bool // what a persistent cache holds isn't wanted, but to be replaced
	assertion *pendingAssertion
	presented assertion      // once it is
	document  string         // the address of the openid-configuration that MSAL was given
	failed    *retry.Failure // of the latest step; azidentity's own error would flatten it to text
	refusal   *ExchangeError // the error in failed, where this attempt made it
	answer    []byte         // Entra's success, once MSAL was given it
	unlock    func()         // the persistent cache
}

func (x *exchange) attempt(ctx context.Context, request policy.TokenRequestOptions) (token azcore.AccessToken, failed *retry.Failure) {
	tenantID := strings.ToLower(cmp.Or(request.TenantID, x.identity.tenantID))
	if left := x.cooldowns.Wait(ctx, tenantID); left > 0 {
		return azcore.AccessToken{}, x.coolingDown(ctx, left, request.Scopes)
	}
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempt{exchange: x, tenantID: tenantID, scopes: request.Scopes, request: request, options: x.options,
		assertion: x.assertionLater(within), unlock: func() {}}
	defer func() { a.unlock() }()
	defer func() {
		if panicked := outbound.PanicError(recover(), a.secrets()...); panicked != nil {
			token, failed = azcore.AccessToken{}, a.panicked(panicked)
		}
	}()
	a.renews = a.stores() && tokencache.Distrusts(ctx)
	token, err := a.redeem(within)
	if err == nil && a.stores() {
		token, err = a.lend(within, token)
	}
	if err == nil {
		return token, nil
	}
	cancel()
	return azcore.AccessToken{}, a.explain(ctx, err)
}

// redeem lets azidentity make the attempt.
func (a *attempt) redeem(ctx context.Context) (azcore.AccessToken, error) {
	cred, err := a.credentialWith(a)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	request := a.request
	if a.renews && request.Claims == "" {
		request.Claims = msal.NoClaims
	}
	token, err := cred.GetToken(ctx, request)
	switch {
	case err == nil && token.Token == msal.Tombstone && a.renews:
		return azcore.AccessToken{}, errNoToken
	case err == nil && token.Token == msal.Tombstone: // which another process has just put there
		a.renews = true
		return a.redeem(ctx)
	case err != nil && a.failed == nil && a.answer != nil && a.stores():
		return a.unstored(ctx, err)
	}
	return token, err
}

// lend hands a token out. One of the persistent cache that was handed out already is to be refreshed, and one that is due is
// no better, but better than none.
func (a *attempt) lend(ctx context.Context, token azcore.AccessToken) (azcore.AccessToken, error) {
	again := a.lent.Note(a.request, token)
	if a.answer != nil {
		return token, nil
	}
	if a.refreshBefore <= 0 {
		token = msal.Due(token)
	}
	if !again && (token.RefreshOn.IsZero() || time.Now().Before(token.RefreshOn)) {
		return token, nil
	}
	a.renews = true
	renewed, err := a.redeem(ctx)
	switch {
	case err == nil:
		a.lent.Note(a.request, renewed)
	case !again:
		return token, nil
	}
	return renewed, err
}

// credentialWith makes azidentity's credential with first as the first policy of its pipeline.
func (a *attempt) credentialWith(first policy.Policy) (azcore.TokenCredential, error) {
	options := a.options
	options.PerCallPolicies = slices.Concat([]policy.Policy{first}, options.PerCallPolicies)
	return a.exchange.redeem(a.identity, a.assert, &options)
}

// stores tells whether tokens go to a persistent cache.
func (a *attempt) stores() bool { return a.options.Cache != azidentity.Cache{} }

// unstored returns the token of an answer that couldn't be written to the persistent cache: it is none the worse.
func (a *attempt) unstored(ctx context.Context, err error) (azcore.AccessToken, error) {
	a.unlock()
	a.unlock = func() {}
	a.options.Cache = azidentity.Cache{}
	a.options.DisableInstanceDiscovery = true
	token, failed := msal.Replay(context.WithoutCancel(ctx), a.credentialWith, a.request, a.answer)
	if failed != nil {
		return azcore.AccessToken{}, err
	}
	outbound.LogEvent("persistent cache", "a token wasn't stored: "+redact.Line(err.Error(), tokensIn(a.answer)...))
	return token, nil
}

// assert is azidentity's callback for the assertion.
func (a *attempt) assert(ctx context.Context) (string, error) {
	a.document = "" // MSAL has found it good
	presented, failed := a.assertion.get(ctx)
	if failed == nil {
		presented, failed = a.acceptable(ctx, presented)
	}
	if failed != nil {
		a.failed = failed
		return "", failed.Err
	}
	a.presented = presented
	return presented.jwt, nil
}

// Do implements [policy.Policy].
func (a *attempt) Do(req *policy.Request) (*http.Response, error) {
	a.failed, a.refusal = nil, nil
	a.unlock() // MSAL has done with an earlier answer
	a.unlock = func() {}
	if msal.AsksForDocument(req.Raw()) {
		// MSAL asks for the assertion only once it has read this document, so both are asked for now, side by side.
		a.assertion.begin()
		a.document = req.Raw().URL.String()
		return a.inspect(req, func(req *policy.Request) (*http.Response, error) {
			return a.documents.Do(req, a.assertion.missing)
		})
	}
	if a.renews && req.Raw().Method == http.MethodPost {
		if err := msal.WithoutNoClaims(req); err != nil {
			return nil, err
		}
	}
	return a.inspect(req, (*policy.Request).Next)
}

// inspect sends req and hands on only what is safe in MSAL's and azidentity's hands: they quote what they can't use.
func (a *attempt) inspect(req *policy.Request, send func(*policy.Request) (*http.Response, error)) (*http.Response, error) {
	resp, body, err := payload(send(req))
	switch {
	case errors.Is(err, msal.ErrGivenUp):
		a.failed = a.assertion.failed
		return nil, err
	case err != nil:
		gate := a.gate()
		a.failed = a.unreached(req.Raw(), err, gate)
		return nil, gate.Error(err)
	}
	a.entra.Hear(resp.Header)
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated { // MSAL takes both for a success
		gate := a.gate()
		resp = gate.Response(resp, body)
		a.failed = a.refused(req.Raw(), resp, body, gate)
		return resp, nil
	}
	if problem := checkAnswer(req.Raw(), body); problem != "" {
		a.failed = a.unusable(req.Raw(), resp, problem)
		return nil, errors.New(problem)
	}
	if req.Raw().Method == http.MethodPost {
		return resp, a.received(req.Raw().Context(), body)
	}
	return resp, nil
}

// received takes Entra's success in. Where it will be stored, only one is at a time, until MSAL asks for something else or is
// done: nothing that takes long is left to do.
func (a *attempt) received(ctx context.Context, body []byte) error {
	a.answer = body
	a.cooldowns.Lift(a.tenantID)
	if !a.stores() {
		return nil
	}
	var err error
	a.unlock, err = msal.LockStores(ctx)
	return err
}

// payload reads an answer to its end.
func payload(resp *http.Response, err error) (*http.Response, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	body, err := runtime.Payload(resp)
	return resp, body, err
}

func (a *attempt) secrets() []string {
	return []string{a.userAssertion.Reveal(), a.assertion.peek().jwt, a.presented.jwt}
}

// gate is for what answers of this attempt say.
func (a *attempt) gate() *redact.Gate { return redact.Against(a.secrets()...) }

// A pendingAssertion is requested in the background once somebody begins it.
type pendingAssertion struct {
	source  assertionSource
	request func() (assertion, *retry.Failure)
	started sync.Once
	done    chan struct{}
	missing chan struct{} // is closed when none will come
	// Both are set before done is closed.
	assertion assertion
	failed    *retry.Failure
}

// assertionLater ends its request when ctx ends.
func (x *exchange) assertionLater(ctx context.Context) *pendingAssertion {
	return &pendingAssertion{
		source:  x.source,
		request: func() (assertion, *retry.Failure) { return requestFrom(outbound.Apart(ctx), x.source) }, // beside MSAL's
		done:    make(chan struct{}),
		missing: make(chan struct{}),
	}
}

func (p *pendingAssertion) begin() {
	p.started.Do(func() {
		go func() {
			defer func() {
				if p.failed != nil {
					close(p.missing)
				}
				close(p.done)
			}()
			p.failed = p.source.failure(errGone) // unless request returns
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
		return assertion{}, &retry.Failure{Err: &AssertionError{Source: p.source.name(), Err: ctx.Err(),
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

// unavailable returns the source's failure if that is because this program doesn't run where the source is, which it says at
// once. It is for an attempt that failed before the assertion was needed, and after it had been asked for.
func (p *pendingAssertion) unavailable() *retry.Failure {
	select {
	case <-p.done:
	case <-time.After(time.Second): // with an AssertionFunc that doesn't honour its context
		return nil
	}
	if p.failed == nil || !isUnavailable(p.failed.Err) {
		return nil
	}
	return p.failed
}

// requestFrom makes one request. A panic in it is the source's failure.
func requestFrom(ctx context.Context, source assertionSource) (fresh assertion, failed *retry.Failure) {
	defer func() {
		if panicked := outbound.PanicError(recover()); panicked != nil {
			fresh, failed = assertion{}, source.failure(panicked)
		}
	}()
	fresh, err := source.request(ctx)
	if err != nil {
		return assertion{}, source.failure(err)
	}
	return fresh, nil
}

// acceptable returns an assertion that may be presented. A source that hands out another kind is asked once more: it may have
// answered from a cache, or with half a file.
func (a *attempt) acceptable(ctx context.Context, fresh assertion) (assertion, *retry.Failure) {
	for second := false; ; second = true {
		err := fresh.traced(fresh.check(a.source.name(), &a.entra))
		switch {
		case err == nil:
			return fresh, nil
		case second, a.retries.MaxRetries == 0:
			return assertion{}, &retry.Failure{Err: err}
		}
		var failed *retry.Failure
		if fresh, failed = requestFrom(ctx, a.source); failed != nil {
			return assertion{}, failed
		}
	}
}

var (
	errGone    = errors.New("the AssertionFunc ended its goroutine instead of returning")
	errNoToken = errors.New("azoidc: the token endpoint answered with the mark of an invalidated token instead of a token")
)

// forget is told what Invalidate forgets. All that was asked of the credential to be left alone is over, so that the next
// request is made, and a persistent cache forgets the token.
func (x *exchange) forget(request policy.TokenRequestOptions) {
	if len(request.Scopes) == 0 {
		x.cooldowns.LiftAll()
		return
	}
	x.cooldowns.Lift(strings.ToLower(cmp.Or(request.TenantID, x.identity.tenantID)))
	a := &attempt{exchange: x, options: x.options, assertion: x.assertionLater(context.Background())}
	if !a.stores() {
		return
	}
	a.options.DisableInstanceDiscovery = true
	redeem := func(first policy.Policy) (azcore.TokenCredential, error) {
		options := a.options
		options.PerCallPolicies = []policy.Policy{first}
		return x.redeem(x.identity, func(context.Context) (string, error) { return msal.Tombstone, nil }, &options)
	}
	if err := msal.Forget(context.Background(), redeem, request); err != nil {
		outbound.LogEvent("persistent cache", redact.Line(err.Error()))
	}
}
