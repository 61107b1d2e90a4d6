package main

import (
	"context"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azoidc/azoidc/azoidctest"
)

const pollInterval = 250 * time.Millisecond

// A client talks to one service through azcore's pipeline and bearer token policy, as all clients of the Azure SDK do.
type client struct {
	pipeline runtime.Pipeline
	url      string
}

func newClient(service *azoidctest.Service, cred azcore.TokenCredential, options azcore.ClientOptions) client {
	authentication := runtime.NewBearerTokenPolicy(cred, []string{service.Scope}, nil)
	return client{
		pipeline: runtime.NewPipeline("deploy", "v1.0.0", runtime.PipelineOptions{PerRetry: []policy.Policy{authentication}}, &options),
		url:      service.URL,
	}
}

// complete asks for the operation until it's done.
func (c client) complete(ctx context.Context, operation string) error {
	for {
		status, err := c.get(ctx, operation)
		if err != nil || status == http.StatusOK {
			return err
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c client) get(ctx context.Context, operation string) (status int, err error) {
	request, err := runtime.NewRequest(ctx, http.MethodGet, c.url+"/"+operation)
	if err != nil {
		return 0, err
	}
	response, err := c.pipeline.Do(request)
	if err != nil {
		return 0, err
	}
	if !runtime.HasStatusCode(response, http.StatusOK, http.StatusAccepted) {
		return 0, runtime.NewResponseError(response)
	}
	runtime.Drain(response)
	return response.StatusCode, nil
}
