package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/tokenserver"
)

// A supply is where the command gets its tokens from.
type supply struct {
	env        map[string]string // how programs find it
	credential string            // what AZURE_TOKEN_CREDENTIALS calls programs' way to it
	clientID   string
	secrets    []string // in env
	holders    []holder // none where programs get tokens by themselves
	close      func()
}

// host is the endpoint's, "" where there is none.
func (s *supply) host() string {
	endpoint, err := url.Parse(s.env["IDENTITY_ENDPOINT"])
	if err != nil {
		return ""
	}
	return endpoint.Hostname()
}

// A holder holds the tokens of an identity, "" for the job's own.
type holder struct {
	identity string
	cache    *azoidc.TokenCache
}

// supply opens what the flags ask for. The tokens for the scopes are there, or were tried, when it returns.
func (p *program) supply(ctx context.Context, l *login.Login, flags supplyFlags) (*supply, error) {
	if flags.tokenFile {
		return p.keepTokenFile(ctx, l, flags.scopes)
	}
	return p.serveEndpoint(ctx, l, flags)
}

// serveEndpoint serves tokens as a managed identity endpoint does.
func (p *program) serveEndpoint(ctx context.Context, l *login.Login, flags supplyFlags) (*supply, error) {
	cred, err := l.Credential()
	if err != nil {
		return nil, err
	}
	holders, err := openIdentities(l, flags.identities)
	if err != nil {
		return nil, err
	}
	options := &tokenserver.Options{ClientID: l.ClientID, Identities: servedIdentities(flags.identities, holders), ErrorLog: p.log()}
	if flags.requestEndpoint {
		options.Assertion, options.Audiences = l.AssertionFor, append([]string{l.ExchangeAudience()}, flags.audiences...)
	}
	if flags.container {
		if options.Containers, err = containerNetworks(); err != nil {
			return nil, err
		}
	}
	server, err := tokenserver.Start(cred, options)
	if err != nil {
		return nil, err
	}
	if err := server.Preload(ctx, flags.scopes...); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	holders = append([]holder{{cache: cred}}, holders...)
	stopKeeping := keepFresh(holders)
	env := server.Env()
	return &supply{
		env:        env,
		secrets:    secretsIn(env),
		credential: "ManagedIdentityCredential",
		clientID:   l.ClientID,
		holders:    holders,
		close: func() {
			stopKeeping()
			_ = server.Close() // only a client that is slow to take its answer makes it fail
		},
	}, nil
}

// secretsIn finds the endpoint's secrets: some are a part of an address.
func secretsIn(env map[string]string) (secrets []string) {
	for _, value := range env {
		secrets = append(secrets, secretPattern.FindAllString(value, -1)...)
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

var secretPattern = regexp.MustCompile(`[0-9a-f]{64}`)

func keepFresh(holders []holder) (stop func()) {
	var keepers []func(context.Context)
	for _, h := range holders {
		keepers = append(keepers, func(ctx context.Context) { _ = h.cache.KeepFresh(ctx) }) // its error is that ctx has ended
	}
	return untilStopped(keepers...)
}

// untilStopped runs these at the same time until stop is called, which waits for their end.
func untilStopped(all ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, f := range all {
		running.Go(func() { f(ctx) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// openIdentities makes the credentials of the other identities.
func openIdentities(l *login.Login, o login.Identities) ([]holder, error) {
	var holders []holder
	for _, one := range o {
		cred, err := l.As(one).Credential()
		if err != nil {
			return nil, fmt.Errorf("-identity %s: %w", redact.Line(one.Name), err)
		}
		holders = append(holders, holder{one.Name, cred})
	}
	return holders, nil
}

// servedIdentities are the identities with these holders, as the endpoint's options take them.
func servedIdentities(o login.Identities, holders []holder) []tokenserver.Identity {
	var identities []tokenserver.Identity
	for i, one := range o {
		identities = append(identities, tokenserver.Identity{Name: one.Name, ClientID: one.ClientID, Credential: holders[i].cache})
	}
	return identities
}

// bridges begin the names of the interfaces by which this machine is on its containers' networks: Docker's own, those that
// Docker makes for jobs with services, Podman's.
var bridges = []string{"docker", "br-", "podman", "cni-podman"}

// containerNetworks are this machine's addresses on the networks of containers, Docker's own first.
func containerNetworks() ([]netip.Prefix, error) {
	return networksOf(net.Interfaces, (*net.Interface).Addrs)
}

func networksOf(list func() ([]net.Interface, error), addressesOf func(*net.Interface) ([]net.Addr, error)) ([]netip.Prefix, error) {
	interfaces, err := list()
	if err != nil {
		return nil, err
	}
	var found []netip.Prefix
	for _, bridge := range bridges {
		for _, i := range interfaces {
			if !strings.HasPrefix(i.Name, bridge) {
				continue
			}
			addresses, err := addressesOf(&i)
			if err != nil {
				return nil, err
			}
			for _, address := range addresses {
				if network, err := netip.ParsePrefix(address.String()); err == nil && network.Addr().Is4() {
					found = append(found, network)
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.New("-container: this machine is on no network of containers, Docker's or Podman's: leave the flag out. " +
			"In a job that runs in a container itself, azoidc serves that container's processes without it")
	}
	return found, nil
}

// keepTokenFile keeps a file with the CI system's OIDC token, which programs exchange themselves. The scopes are tried.
func (p *program) keepTokenFile(ctx context.Context, l *login.Login, wanted []string) (*supply, error) {
	if err := try(ctx, l, wanted); err != nil {
		return nil, err
	}
	file, err := login.NewTokenFile(ctx, l.Assertion(), p.log())
	if err != nil {
		return nil, err
	}
	stopKeeping := untilStopped(func(ctx context.Context) { _ = file.KeepFresh(ctx) }) // its error is that ctx has ended
	return &supply{
		env: map[string]string{
			"AZURE_FEDERATED_TOKEN_FILE": file.Path,
			"AZURE_CLIENT_ID":            l.ClientID,
			"AZURE_TENANT_ID":            l.TenantID,
			"AZURE_AUTHORITY_HOST":       l.AuthorityHost,
		},
		credential: "WorkloadIdentityCredential",
		clientID:   l.ClientID,
		close: func() {
			stopKeeping()
			file.Remove()
		},
	}, nil
}

// try acquires a token for each scope, to find out before the command does.
func try(ctx context.Context, l *login.Login, wanted []string) error {
	cred, err := l.Credential()
	if err != nil {
		return err
	}
	return cred.Preload(ctx, wanted...)
}
