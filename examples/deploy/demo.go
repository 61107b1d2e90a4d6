package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/azoidc/azoidc/azoidctest"
)

// settings are the local cloud's lifetimes and what is deployed to it.
type settings struct {
	assertion   time.Duration // an OIDC token's lifetime
	accessToken time.Duration // an access token's lifetime
	tolerance   time.Duration // how far past its end Entra takes an OIDC token; negative: not at all
	steps       []step
}

// inSeconds is minutes and hours in seconds.
func inSeconds() settings {
	return settings{assertion: 2 * time.Second, accessToken: 3 * time.Second, tolerance: -1, steps: steps()}
}

// demonstrate deploys to a local cloud, as today and with azoidc, and returns what went otherwise than it says.
func demonstrate(ctx context.Context, out io.Writer, s settings) error {
	d := newDemo(s)
	defer d.cloud.Close()
	return d.run(ctx, out)
}

// A demo is a local cloud with two CI systems and some services.
type demo struct {
	settings settings
	cloud    *azoidctest.Server
}

func newDemo(s settings) *demo {
	d := &demo{s, azoidctest.NewServer(&azoidctest.Options{
		AssertionLifetime:   s.assertion,
		AccessTokenLifetime: s.accessToken,
		ClockTolerance:      s.tolerance,
	})}
	operations := newOperations(s.steps)
	for _, step := range s.steps {
		d.cloud.Service(step.target.audience).Handle(operations)
	}
	return d
}

func (d *demo) run(ctx context.Context, out io.Writer) error {
	d.introduce(out)
	todays, err := d.deploy(ctx, out, today)
	if err != nil {
		return err
	}
	azoidcs, err := d.deploy(ctx, out, withAzoidc)
	if err != nil {
		return err
	}
	drawTimeline(out, slices.Concat(todays, azoidcs))
	if err := judge(todays, azoidcs); err != nil {
		return err
	}
	_, err = fmt.Fprint(out, "\n", summary(todays, azoidcs))
	return err
}

func (d *demo) introduce(out io.Writer) {
	fmt.Fprintf(out, "A deployment that takes longer than its OIDC token lives, on a local cloud at %s.\n"+
		"Here an OIDC token lives for up to %g seconds, an access token for %g; on the real cloud, 5 minutes and an hour.\n",
		d.cloud.URL, d.settings.assertion.Seconds(), d.settings.accessToken.Seconds())
}

// deploy deploys from both CI systems, side by side. It returns an error when it was interrupted.
func (d *demo) deploy(ctx context.Context, out io.Writer, approach approach) ([]*lane, error) {
	deployments := []*deployment{d.fromGitHub(approach), d.fromPipelines(approach)}
	for _, deployment := range deployments {
		deployment.start(ctx)
	}
	fmt.Fprintf(out, "\n%s\n(%s)\n\n", approach.title, approach.by)
	follow(out, deployments)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	tellFailures(out, deployments)
	record := d.cloud.Requests()
	var lanes []*lane
	for _, deployment := range deployments {
		lanes = append(lanes, newLane(deployment, record))
	}
	return lanes, nil
}

func (d *demo) fromGitHub(approach approach) *deployment {
	job := d.cloud.GitHubJob(nil)
	return &deployment{
		job:        githubJob(d.cloud.TenantID(), d.cloud.ClientID(), job.RequestURL, job.RequestToken),
		requestURL: job.RequestURL,
		approach:   approach,
		path:       "github-" + approach.name,
		cloud:      d.cloud,
		steps:      d.settings.steps,
	}
}

func (d *demo) fromPipelines(approach approach) *deployment {
	job := d.cloud.PipelinesJob(nil)
	return &deployment{
		job:        pipelinesJob(d.cloud.TenantID(), d.cloud.ClientID(), job.ServiceConnectionID, job.SystemAccessToken, job.RequestURI),
		requestURL: job.RequestURI,
		approach:   approach,
		path:       "pipelines-" + approach.name,
		cloud:      d.cloud,
		steps:      d.settings.steps,
	}
}
