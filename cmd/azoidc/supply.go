package main

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/tokenserver"
)

// A supply is where the command gets its tokens from.
type supply struct {
	env        map[string]string // how programs find it
	credential string            // what AZURE_TOKEN_CREDENTIALS calls programs' way to it
	clientID   string
	secrets    []string                    // in env
	tokens     func() []azoidc.TokenStatus // that are held; nil where programs get them by themselves
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

// openSupply supplies programs as the flags say.
func (p *program) openSupply(ctx context.Context, l *login, f *supplyFlags) (*supply, error) {
	if f.tokenFile {
		return p.keepTokenFile(ctx, l, f.scopes)
	}
	return p.serveEndpoint(ctx, l, f)
}

// serveEndpoint serves tokens as a managed identity endpoint does. Those for the scopes are there when it returns.
func (p *program) serveEndpoint(ctx context.Context, l *login, f *supplyFlags) (*supply, error) {
	cred, err := l.credential()
	if err != nil {
		return nil, err
	}
	options := tokenserver.Options{ClientID: l.clientID, ErrorLog: p.log()}
	if f.container {
		if options.Containers, err = containerNetworks(); err != nil {
			return nil, err
		}
	}
	server, err := tokenserver.Start(cred, &options)
	if err != nil {
		return nil, err
	}
	if err := server.Preload(ctx, f.scopes...); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	stopKeeping := background(cred.KeepFresh)
	env := server.Env()
	return &supply{
		env:        env,
		credential: "ManagedIdentityCredential",
		clientID:   l.clientID,
		secrets:    secretsIn(env),
		tokens:     cred.Tokens,
		close: func() {
			stopKeeping()
			_ = server.Close() // only a client that is slow to take its answer makes it fail
		},
	}, nil
}

// endpointSecret is the form of all secrets of a tokenserver: 256 bits in hexadecimal.
var endpointSecret = regexp.MustCompile(`[0-9a-f]{64}`)

// secretsIn are those in an endpoint's variables, by themselves and in addresses.
func secretsIn(env map[string]string) []string {
	var found []string
	for _, value := range env {
		found = append(found, endpointSecret.FindAllString(value, -1)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// background runs f until stop is called, which waits for its end.
func background(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = f(ctx) }) // its error is that ctx has ended
	return func() {
		cancel()
		running.Wait()
	}
}
