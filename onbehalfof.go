package azoidc

import (
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/redact"
)

// OnBehalfOfCredentialOptions are the options of [NewOnBehalfOfCredential]. A persistent Cache isn't used: azidentity's
// on-behalf-of credential has none.
type OnBehalfOfCredentialOptions struct {
	CredentialOptions
}

// OnBehalfOfCredential acquires tokens on behalf of a user who called this application with an access token. The
// application itself authenticates with assertions from any source. One OnBehalfOfCredential is for one user, and is
// safe for concurrent use. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow
//
// Guide: https://github.com/azoidc/azoidc/blob/main/docs/on-behalf-of.md
type OnBehalfOfCredential struct {
	*TokenCache
}

// NewOnBehalfOfCredential makes an OnBehalfOfCredential for one user:
//
//   - tenantID and clientID identify this application. Empty values are read from AZURE_TENANT_ID and
//     AZURE_CLIENT_ID.
//   - userAssertion is the access token with which the user called this application. Its audience is this
//     application.
//   - assertion returns the application's own assertions.
//
// options may be nil. NewOnBehalfOfCredential makes no request. It returns an error if an argument or a value from
// the environment can't be right.
func NewOnBehalfOfCredential(tenantID, clientID, userAssertion string, assertion AssertionFunc, options *OnBehalfOfCredentialOptions) (*OnBehalfOfCredential, error) {
	userAssertion = strings.TrimSpace(userAssertion)
	switch {
	case assertion == nil:
		return nil, errNoAssertionFunc
	case userAssertion == "":
		return nil, errors.New("azoidc: the user assertion is empty; it is the access token that the user called this application with")
	case !isBearerToken(userAssertion):
		return nil, errors.New("azoidc: the user assertion holds characters that no access token has")
	}
	if options == nil {
		options = &OnBehalfOfCredentialOptions{}
	}
	id, err := resolveIdentity(tenantID, clientID, []string{"AZURE_TENANT_ID"}, []string{"AZURE_CLIENT_ID"})
	if err != nil {
		return nil, err
	}
	own := options.own()
	own.Cache = azidentity.Cache{} // which redeemOnBehalfOf doesn't use
	x, err := newExchange("OnBehalfOfCredential", id, funcSource(assertion), redeemOnBehalfOf(userAssertion), own)
	if err != nil {
		return nil, err
	}
	x.userAssertion = redact.Keep(userAssertion)
	return &OnBehalfOfCredential{x.cached(&options.TokenCache)}, nil
}

func redeemOnBehalfOf(userAssertion string) redeemer {
	return func(id identity, assert AssertionFunc, options *azidentity.ClientAssertionCredentialOptions) (azcore.TokenCredential, error) {
		return azidentity.NewOnBehalfOfCredentialWithClientAssertions(id.tenantID, id.clientID, userAssertion, assert,
			&azidentity.OnBehalfOfCredentialOptions{
				ClientOptions:              options.ClientOptions,
				AdditionallyAllowedTenants: options.AdditionallyAllowedTenants,
				DisableInstanceDiscovery:   options.DisableInstanceDiscovery,
			})
	}
}
