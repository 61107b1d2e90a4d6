package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azoidc/azoidc/azoidctest"
)

const pollInterval = 250 * time.Millisecond

// An approach turns a job's OIDC tokens into the credential of its deployment.
type approach struct {
	name, title string
	by          string // the types that do it
	signIn      func(context.Context, *deployment) (azcore.TokenCredential, error)
}

var (
	today = approach{"today", "Today: one OIDC token, taken at the start; from Azure Pipelines, azidentity's own credential",
		"azidentity.ClientAssertionCredential; azidentity.AzurePipelinesCredential", asToday}
	withAzoidc = approach{"azoidc", "With azoidc: a new OIDC token for every exchange, and every exchange in time",
		"azoidc.GitHubActionsCredential, azoidc.AzurePipelinesCredential, both with Preload and KeepFresh", preloaded}
)

func asToday(ctx context.Context, d *deployment) (azcore.TokenCredential, error) {
	return d.job.otherwise(ctx, d.cloud.client)
}

// preloaded has all tokens before the first step, and refreshes them until ctx is done.
func preloaded(ctx context.Context, d *deployment) (azcore.TokenCredential, error) {
	cred, err := d.job.signedIn(d.cloud.client)
	if err != nil {
		return nil, err
	}
	if err := cred.Preload(ctx, d.scopes()...); err != nil {
		return nil, err
	}
	d.background.Go(func() { _ = cred.KeepFresh(ctx) }) // its error is ctx's
	return cred, nil
}

// A deployment goes through the steps in one job, signed in by one approach.
type deployment struct {
	job      job
	approach approach
	path     string // of its operations, below each service's URL
	cloud    localCloud
	steps    []step

	began      time.Time
	outcomes   chan outcome // of the steps, up to the one that failed
	err        error        // why it failed; to be read once outcomes is closed
	answers    answers
	background sync.WaitGroup
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
	ctx, cancel := context.WithCancel(ctx)
	defer d.background.Wait()
	defer cancel()
	cred, err := d.approach.signIn(ctx, d)
	if err != nil {
		return err
	}
	clients := d.clients(&observed{cred, d})
	for _, step := range d.steps {
		if err := d.complete(ctx, clients[step.target], step); err != nil {
			return err
		}
		d.outcomes <- outcome{after: time.Since(d.began)}
	}
	return nil
}

// complete asks for the step's operation until it's done. What requests take doesn't add up: it asks when the deployment
// is a whole number of intervals old.
func (d *deployment) complete(ctx context.Context, client client, step step) error {
	for {
		status, err := client.get(ctx, d.path+"/"+step.name)
		if err != nil || status == http.StatusOK {
			return err
		}
		select {
		case <-time.After(pollInterval - time.Since(d.began)%pollInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *deployment) scopes() (scopes []string) {
	for _, step := range d.steps {
		if scope := d.cloud.Service(step.target.audience).Scope; !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// clients makes one for each service, which lasts for the whole deployment.
func (d *deployment) clients(cred azcore.TokenCredential) map[target]client {
	clients := map[target]client{}
	for _, step := range d.steps {
		if _, ok := clients[step.target]; !ok {
			clients[step.target] = newClient(d.cloud.Service(step.target.audience), cred, d.cloud.client)
		}
	}
	return clients
}

// An observed credential notes what it answers, so that the cloud's record tells which requests waited for it.
type observed struct {
	azcore.TokenCredential
	deployment *deployment
}

func (o *observed) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	asked := o.deployment.cloud.Count(azoidctest.EntraToken)
	token, err := o.TokenCredential.GetToken(ctx, options)
	if err == nil {
		o.deployment.answers.add(answer{token.Token, asked})
	}
	return token, err
}

// answers are those of a credential.
type answers struct {
	mu  sync.Mutex
	all []answer
}

// An answer is a token, and how many exchanges the cloud had seen when it was asked for.
type answer struct {
	token string
	asked int
}

func (a *answers) add(one answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, one)
}

// waitedFor tells whether a request was waiting for the token when the exchange with that number brought it.
func (a *answers) waitedFor(token string, exchange int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.all, func(one answer) bool { return one.token == token && one.asked <= exchange })
}

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
