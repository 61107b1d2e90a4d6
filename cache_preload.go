package azoidc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Preload acquires tokens for all scopes at once, as Azure SDK clients ask for them: for the credential's own tenant, and
// with CAE but for the scopes of those clients that don't handle it (Service Bus, Event Hubs, Container Registry, Azure
// Data Explorer). It returns when all are there or have failed; the errors are joined, each with its scope. A scope that is
// held already costs nothing.
func (c *TokenCache) Preload(ctx context.Context, scopes ...string) error {
	errs := make([]error, len(scopes))
	var all sync.WaitGroup
	for i, scope := range scopes {
		all.Go(func() {
			_, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: !askedWithoutCAE(scope)})
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", scope, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
