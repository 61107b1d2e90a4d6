package acceptance_test

import (
	"context"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// A recorder passes requests for tokens on and notes what was asked for.
type recorder struct {
	azcore.TokenCredential

	mu    sync.Mutex
	asked []policy.TokenRequestOptions
}

func (r *recorder) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	r.mu.Lock()
	r.asked = append(r.asked, options)
	r.mu.Unlock()
	return r.TokenCredential.GetToken(ctx, options)
}

func (r *recorder) requests() []policy.TokenRequestOptions {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]policy.TokenRequestOptions(nil), r.asked...)
}
