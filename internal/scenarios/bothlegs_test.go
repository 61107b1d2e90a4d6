package scenarios_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

// mark is a policy that adds a header.
type mark string

func (m mark) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set(string(m), "1")
	return req.Next()
}

// spans records the names of the spans that a tracing provider was asked for.
type spans struct {
	mu    sync.Mutex
	names []string
}

func (s *spans) provider() tracing.Provider {
	return tracing.NewProvider(func(string, string) tracing.Tracer {
		return tracing.NewTracer(func(ctx context.Context, name string, _ *tracing.SpanOptions) (context.Context, tracing.Span) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.names = append(s.names, name)
			return ctx, tracing.NewSpan(tracing.SpanImpl{
				End: func() {}, SetAttributes: func(...tracing.Attribute) {}, SetStatus: func(tracing.SpanStatus, string) {},
			})
		}, nil)
	}, nil)
}

// TestClientOptionsServeBothLegs with all that azcore's options hold.
func TestClientOptionsServeBothLegs(t *testing.T) {
	for _, s := range []struct {
		testkit.System
		span string
	}{{testkit.Systems[0], "GitHub Actions.RequestAssertion"}, {testkit.Systems[1], "Azure Pipelines.RequestAssertion"}} {
		t.Run(s.Name, func(t *testing.T) {
			cloud := testkit.NewCloud()
			recorded := &spans{}
			change := func(o *azcore.ClientOptions) {
				o.PerCallPolicies = []policy.Policy{mark("X-Per-Call")}
				o.PerRetryPolicies = []policy.Policy{mark("X-Per-Retry")}
				o.Telemetry.ApplicationID = "my-deployer"
				o.TracingProvider = recorded.provider()
			}
			var cred azcore.TokenCredential
			if s.Leg == azoidctest.GitHubOIDC {
				cred = testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { change(&o.ClientOptions) })
			} else {
				cred = testkit.NewPipelines(t, cloud, func(o *azoidc.AzurePipelinesCredentialOptions) { change(&o.ClientOptions) })
			}
			testkit.Get(t, cred, testkit.VaultScope)
			for _, request := range cloud.Requests(s.Legs()...) {
				require.Equal(t, "1", request.Header.Get("X-Per-Call"), request.Leg)
				require.Equal(t, "1", request.Header.Get("X-Per-Retry"), request.Leg)
				require.Contains(t, request.Header.Get("User-Agent"), "my-deployer", request.Leg)
			}
			require.Contains(t, recorded.names, s.span)
			require.Contains(t, recorded.names, "ClientAssertionCredential.GetToken")
		})
	}
}
