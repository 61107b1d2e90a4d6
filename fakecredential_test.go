package azoidc_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

type tokenRequest = policy.TokenRequestOptions

// A fakeCredential stands for any credential that a TokenCache can be put in front of. It numbers its tokens.
type fakeCredential struct {
	life time.Duration
	// answer, if set, is asked before a token is made; an error of its is returned.
	answer func(context.Context, tokenRequest) error
	// refreshIn, if set, is how long after its issue a token asks to be refreshed.
	refreshIn time.Duration

	mu       sync.Mutex
	requests []tokenRequest
	flying   map[string]int
	most     int // requests for the same scopes at the same time
}

func (f *fakeCredential) GetToken(ctx context.Context, request tokenRequest) (azcore.AccessToken, error) {
	number, answer := f.begin(request)
	defer f.end(request)
	if answer != nil {
		if err := answer(ctx, request); err != nil {
			return azcore.AccessToken{}, err
		}
	}
	token := azcore.AccessToken{Token: fmt.Sprintf("token %d", number), ExpiresOn: time.Now().Add(f.life)}
	if f.refreshIn > 0 {
		token.RefreshOn = time.Now().Add(f.refreshIn)
	}
	return token, nil
}

func (f *fakeCredential) begin(request tokenRequest) (int, func(context.Context, tokenRequest) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flying == nil {
		f.flying = map[string]int{}
	}
	f.requests = append(f.requests, request)
	name := fmt.Sprint(request.Scopes, request.TenantID, request.EnableCAE, request.Claims)
	f.flying[name]++
	f.most = max(f.most, f.flying[name])
	return len(f.requests), f.answer
}

func (f *fakeCredential) end(request tokenRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flying[fmt.Sprint(request.Scopes, request.TenantID, request.EnableCAE, request.Claims)]--
}

// answers changes answer while requests may be under way.
func (f *fakeCredential) answers(answer func(context.Context, tokenRequest) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fakeCredential) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

// takes is an answer that comes after d, or not at all when ctx ends first.
func takes(d time.Duration) func(context.Context, tokenRequest) error {
	return func(ctx context.Context, _ tokenRequest) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fails is an answer that is always err.
func fails(err error) func(context.Context, tokenRequest) error {
	return func(context.Context, tokenRequest) error { return err }
}

// A keepingCredential keeps its token until five minutes before its end.
type keepingCredential struct {
	cred  azcore.TokenCredential
	kept  azcore.AccessToken
	asked int
}

func (k *keepingCredential) GetToken(ctx context.Context, request tokenRequest) (azcore.AccessToken, error) {
	k.asked++
	if time.Until(k.kept.ExpiresOn) > 5*time.Minute {
		return k.kept, nil
	}
	token, err := k.cred.GetToken(ctx, request)
	k.kept = token
	return token, err
}
