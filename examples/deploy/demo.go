package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"sync"
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

// A target is a service that the deployment talks to.
type target struct {
	letter   rune // in the timeline
	name     string
	audience string
}

var (
	resourceManager = target{'R', "Resource Manager", "https://management.core.windows.net/"}
	keyVault        = target{'K', "Key Vault", "https://vault.azure.net"}
	storage         = target{'S', "Storage", "https://storage.azure.com"}
)

// defaultScope is what Resource Manager's clients ask for, both slashes included.
const defaultScope = "https://management.core.windows.net//.default"

// A step is an operation that a service takes some time for.
type step struct {
	target target
	name   string // of the operation, in URLs
	title  string
	takes  time.Duration
}

// steps are those of the deployment. The third one is the first to need a new scope after the first OIDC token's end;
// later ones need each of the services again after its access token's end.
func steps() []step {
	return []step{
		{resourceManager, "resource-group", "create the resource group", 750 * time.Millisecond},
		{resourceManager, "network", "create the network", 1750 * time.Millisecond},
		{keyVault, "certificate", "read the certificate", 750 * time.Millisecond},
		{resourceManager, "web-app", "create the web app", 1250 * time.Millisecond},
		{storage, "files", "upload its files", 1500 * time.Millisecond},
		{keyVault, "key", "rotate the key", 750 * time.Millisecond},
		{resourceManager, "traffic", "switch the traffic over", 1000 * time.Millisecond},
		{storage, "old-files", "remove the old files", 750 * time.Millisecond},
	}
}

// operations is the services' side of the steps: an operation begins when it's first asked for, and is answered with
// 202 while it runs and 200 when it's done, as Azure's long-running operations are.
type operations struct {
	takes map[string]time.Duration // by the step's name

	mu    sync.Mutex
	began map[string]time.Time // by the operation's path
}

func newOperations(steps []step) *operations {
	o := &operations{takes: map[string]time.Duration{}, began: map[string]time.Time{}}
	for _, step := range steps {
		o.takes[step.name] = step.takes
	}
	return o
}

// ServeHTTP answers those whom the service let in.
func (o *operations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	takes, ok := o.takes[path.Base(r.URL.Path)]
	switch {
	case !ok:
		http.NotFound(w, r)
	case o.age(r.URL.Path) < takes:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (o *operations) age(operation string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.began[operation]; !ok {
		o.began[operation] = time.Now()
	}
	return time.Since(o.began[operation])
}
