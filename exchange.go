package azoidc

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/discovery"
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
	userAssertion string
	options       azidentity.ClientAssertionCredentialOptions // of each attempt
	retries       retries
	// replication is CredentialOptions.ReplicationTimeout.
	replication time.Duration
	documents   discovery.Documents
	hold        hold
	succeeded   atomic.Bool
}

// GetToken makes attempts until one succeeds, none is left, or ctx ends.
func (x *exchange) GetToken(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if err := x.available(); err != nil {
		return azcore.AccessToken{}, err
	}
	var token azcore.AccessToken
	plan := plan{retries: x.retries, replication: x.replicationWindow(), began: time.Now()}
	err := plan.run(x.retries.once(ctx), func(ctx context.Context) (failed *failure) {
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

type persistentCacheKey struct{}

// withoutPersistentCache makes an exchange under the context ask Microsoft Entra, whatever the persistent cache holds.
func withoutPersistentCache(ctx context.Context) context.Context {
	return context.WithValue(ctx, persistentCacheKey{}, true)
}

func avoidsPersistentCache(ctx context.Context) bool { return ctx.Value(persistentCacheKey{}) != nil }
