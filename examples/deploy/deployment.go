package main

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

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
