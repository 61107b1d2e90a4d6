package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

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
	return settings{assertion: 2 * time.Second, accessToken: 4 * time.Second, tolerance: -1, steps: steps()}
}

func (s settings) options() *azoidctest.Options {
	return &azoidctest.Options{AssertionLifetime: s.assertion, AccessTokenLifetime: s.accessToken, ClockTolerance: s.tolerance}
}

// demonstrate deploys to a local cloud, as today and with azoidc, and returns what went otherwise than it says.
// When all went so, it draws the timeline into the file picture, unless that is "".
func demonstrate(ctx context.Context, out screen, s settings, start starter, picture string) error {
	cloud, end := start(s.options())
	defer end()
	d := newDemo(s, cloud)
	if err := d.warmUp(ctx); err != nil {
		return err
	}
	if err := d.run(ctx, out); err != nil {
		return err
	}
	return d.draw(picture)
}

// A localCloud is one of azoidctest, on loopback or in memory.
type localCloud struct {
	*azoidctest.Cloud
	client azcore.ClientOptions
	place  string
}

// A starter starts a local cloud, and returns what ends it.
type starter func(*azoidctest.Options) (cloud localCloud, end func())

func onLoopback(options *azoidctest.Options) (localCloud, func()) {
	server := azoidctest.NewServer(options)
	return localCloud{server.Cloud, server.ClientOptions(), "at " + server.URL}, server.Close
}

// A demo is a local cloud with two CI systems and some services.
type demo struct {
	settings        settings
	cloud           localCloud
	todays, azoidcs []*lane
}

func newDemo(s settings, cloud localCloud) *demo {
	operations := newOperations(s.steps)
	for _, step := range s.steps {
		cloud.Service(step.target.audience).Handle(operations)
	}
	return &demo{settings: s, cloud: cloud}
}

// warmUp makes the cloud's keys, which would take time from the first deployments.
func (d *demo) warmUp(ctx context.Context) error {
	for _, job := range onCloud(d.cloud.Cloud) {
		cred, err := job.signedIn(d.cloud.client)
		if err != nil {
			return err
		}
		if _, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{defaultScope}}); err != nil {
			return err
		}
	}
	d.cloud.Reset()
	return nil
}

func (d *demo) run(ctx context.Context, out screen) (err error) {
	d.introduce(out)
	if d.todays, err = d.deploy(ctx, out, today); err != nil {
		return err
	}
	if d.azoidcs, err = d.deploy(ctx, out, withAzoidc); err != nil {
		return err
	}
	drawTimeline(out, slices.Concat(d.todays, d.azoidcs))
	if err := judge(d.todays, d.azoidcs); err != nil {
		return err
	}
	_, err = fmt.Fprint(out, "\n", summary(d.todays, d.azoidcs))
	return err
}

func (d *demo) introduce(out screen) {
	fmt.Fprintf(out, "A deployment that takes longer than its OIDC token lives, on a local cloud %s.\n"+
		"Here an OIDC token lives for up to %g seconds, an access token for %g; on the real cloud, 5 minutes and an hour.\n",
		d.cloud.place, d.settings.assertion.Seconds(), d.settings.accessToken.Seconds())
}

// deploy deploys from both CI systems, side by side. It returns an error when it was interrupted.
func (d *demo) deploy(ctx context.Context, out screen, by approach) ([]*lane, error) {
	var deployments []*deployment
	for _, job := range onCloud(d.cloud.Cloud) {
		deployments = append(deployments, &deployment{
			job: job, approach: by, path: by.name + "-" + job.system.Marker, cloud: d.cloud, steps: d.settings.steps,
		})
	}
	fmt.Fprintf(out, "\n%s\n(%s)\n\n", out.paint(bold, by.title), by.by)
	for _, deployment := range deployments {
		deployment.start(ctx)
	}
	out.follow(ctx, deployments)
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

func (d *demo) draw(file string) error {
	if file == "" {
		return nil
	}
	return os.WriteFile(file, picture(d.settings, slices.Concat(d.todays, d.azoidcs)), 0o644)
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

// A step is an operation that a service takes some time for.
type step struct {
	target target
	name   string // of the operation, in URLs
	title  string
	takes  time.Duration
}

// steps are those of the deployment. The third one is the first to need a new scope after the first OIDC token's end;
// later ones need services again after their access token's end. All that changes with time, a token's end or a refresh,
// is so far from where steps begin that a slow machine doesn't make it part of another step.
func steps() []step {
	return []step{
		{resourceManager, "resource-group", "create the resource group", 750 * time.Millisecond},
		{resourceManager, "network", "create the network", 1750 * time.Millisecond},
		{keyVault, "certificate", "issue the certificate", 1750 * time.Millisecond},
		{resourceManager, "web-app", "create the web app", 750 * time.Millisecond},
		{storage, "files", "upload its files", 1500 * time.Millisecond},
		{keyVault, "key", "rotate the key", 500 * time.Millisecond},
		{resourceManager, "traffic", "switch the traffic over", 500 * time.Millisecond},
		{storage, "old-files", "remove the old files", 500 * time.Millisecond},
	}
}

// operations is the services' side of the steps: an operation begins when it's first asked for, and is answered with
// 202 while it runs and 200 when it's done, as Azure's long-running operations are. It's done a moment before it's asked
// for again, so that a request that comes a little early isn't a whole interval too early.
type operations struct {
	takes map[string]time.Duration // by the step's name

	mu    sync.Mutex
	began map[string]time.Time // by the operation's path
}

func newOperations(steps []step) *operations {
	o := &operations{takes: map[string]time.Duration{}, began: map[string]time.Time{}}
	for _, step := range steps {
		o.takes[step.name] = step.takes - pollInterval/2
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
