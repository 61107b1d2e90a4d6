package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// A deployment goes through the steps in one job, signed in by one approach.
type deployment struct {
	job        job
	requestURL string // where the job gets its OIDC tokens
	approach   approach
	path       string // of its operations, below each service's URL
	cloud      *azoidctest.Server
	steps      []step

	began    time.Time
	outcomes chan outcome // of the steps, up to the one that failed
	err      error        // why it failed; to be read once outcomes is closed
}

// An outcome is that of one step.
type outcome struct {
	after time.Duration // since the deployment's start
	err   error
}

// start runs the deployment until it's through or a step fails.
func (d *deployment) start(ctx context.Context) {
	d.began = time.Now()
	d.outcomes = make(chan outcome, len(d.steps)+1)
	go func() {
		defer close(d.outcomes)
		if d.err = d.run(ctx); d.err != nil {
			d.outcomes <- outcome{time.Since(d.began), d.err}
		}
	}()
}

func (d *deployment) run(ctx context.Context) error {
	options := d.cloud.ClientOptions()
	cred, err := d.approach.credential(ctx, d.job, options)
	if err != nil {
		return err
	}
	clients := d.clients(cred, options)
	for _, step := range d.steps {
		if err := clients[step.target].complete(ctx, d.path+"/"+step.name); err != nil {
			return err
		}
		d.outcomes <- outcome{after: time.Since(d.began)}
	}
	return nil
}

// clients makes one for each service, which lasts for the whole deployment.
func (d *deployment) clients(cred azcore.TokenCredential, options azcore.ClientOptions) map[target]client {
	clients := map[target]client{}
	for _, step := range d.steps {
		if _, ok := clients[step.target]; !ok {
			clients[step.target] = newClient(d.cloud.Service(step.target.audience), cred, options)
		}
	}
	return clients
}

// An approach turns a job's OIDC tokens into the credential of its deployment.
type approach struct {
	name, title string
	by          string // the types that do it
	credential  func(context.Context, job, azcore.ClientOptions) (azcore.TokenCredential, error)
}

var (
	today = approach{"today", "Today: one OIDC token, taken at the start",
		"azidentity.ClientAssertionCredential", oneToken}
	withAzoidc = approach{"azoidc", "With azoidc: a new OIDC token for every exchange",
		"azoidc.GitHubActionsCredential, azoidc.AzurePipelinesCredential", newTokens}
)

// oneToken is what deployment tools do: the OIDC token that they get at the start is all they have.
func oneToken(ctx context.Context, job job, client azcore.ClientOptions) (azcore.TokenCredential, error) {
	token, err := job.assertions(client)(ctx)
	if err != nil {
		return nil, fmt.Errorf("no OIDC token to begin with: %w", err)
	}
	assertion := func(context.Context) (string, error) { return token, nil }
	return azidentity.NewClientAssertionCredential(job.tenantID, job.clientID, assertion, &azidentity.ClientAssertionCredentialOptions{
		ClientOptions:            client,
		DisableInstanceDiscovery: unknownToEntra(client),
	})
}

// newTokens is what this library does.
func newTokens(_ context.Context, job job, client azcore.ClientOptions) (azcore.TokenCredential, error) {
	return signedIn(job, client)
}

// signedIn is the job's credential, for the local cloud as for the real one.
func signedIn(job job, client azcore.ClientOptions) (*azoidc.TokenCache, error) {
	return job.credential(azoidc.CredentialOptions{
		ClientOptions:            client,
		DisableInstanceDiscovery: unknownToEntra(client),
	})
}

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
