package testkit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// A TokenRequest is what an Azure SDK client asks a credential with.
type TokenRequest = policy.TokenRequestOptions

// A FakeCredential stands for any credential that a TokenCache can be put in front of. It numbers its tokens.
type FakeCredential struct {
	Life time.Duration
	// Answer, if set, is asked before a token is made; an error of its is returned.
	Answer func(context.Context, TokenRequest) error
	// RefreshIn, if set, is how long after its issue a token asks to be refreshed.
	RefreshIn time.Duration
	// Now, if set, is the clock that it goes by.
	Now func() time.Time

	mu       sync.Mutex
	requests []TokenRequest
	flying   map[string]int
	most     int // requests for the same scopes at the same time
}

// GetToken implements azcore.TokenCredential.
func (f *FakeCredential) GetToken(ctx context.Context, request TokenRequest) (azcore.AccessToken, error) {
	number, answer := f.begin(request)
	defer f.end(request)
	if answer != nil {
		if err := answer(ctx, request); err != nil {
			return azcore.AccessToken{}, err
		}
	}
	now := time.Now
	if f.Now != nil {
		now = f.Now
	}
	token := azcore.AccessToken{Token: fmt.Sprintf("token %d", number), ExpiresOn: now().Add(f.Life)}
	if f.RefreshIn > 0 {
		token.RefreshOn = now().Add(f.RefreshIn)
	}
	return token, nil
}

func (f *FakeCredential) begin(request TokenRequest) (int, func(context.Context, TokenRequest) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flying == nil {
		f.flying = map[string]int{}
	}
	f.requests = append(f.requests, request)
	name := fmt.Sprint(request.Scopes, request.TenantID, request.EnableCAE, request.Claims)
	f.flying[name]++
	f.most = max(f.most, f.flying[name])
	return len(f.requests), f.Answer
}

// Requests are all that there were, in the order in which they began.
func (f *FakeCredential) Requests() []TokenRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// Most is how many requests for the same token there were at the same time.
func (f *FakeCredential) Most() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.most
}

func (f *FakeCredential) end(request TokenRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flying[fmt.Sprint(request.Scopes, request.TenantID, request.EnableCAE, request.Claims)]--
}

// SetAnswer changes Answer while requests may be under way.
func (f *FakeCredential) SetAnswer(answer func(context.Context, TokenRequest) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Answer = answer
}

// Count is how many requests there were.
func (f *FakeCredential) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

// Takes is an answer that comes after d, or not at all when ctx ends first.
func Takes(d time.Duration) func(context.Context, TokenRequest) error {
	return func(ctx context.Context, _ TokenRequest) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Fails is an answer that is always err.
func Fails(err error) func(context.Context, TokenRequest) error {
	return func(context.Context, TokenRequest) error { return err }
}

// ErrOutage is an error that a credential may fail with.
var ErrOutage = errors.New("outage")
