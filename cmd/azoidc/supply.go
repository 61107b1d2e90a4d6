package main

import (
	"context"
	"errors"
	"flag"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/tokenserver"
)

// supplyFlags say how programs are supplied with tokens.
type supplyFlags struct {
	scopes           scopes
	tokenFile        bool
	keepRequestToken bool
	container        bool
	requestEndpoint  bool
	audiences        audiences // beside Entra's
	identities       otherIdentities
}

func (s *supplyFlags) register(flags *flag.FlagSet) {
	flags.Var(&s.scopes, "scope", "")
	flags.BoolVar(&s.tokenFile, "token-file", false, "")
	flags.BoolVar(&s.keepRequestToken, "keep-request-token", false, "")
	flags.BoolVar(&s.container, "container", false, "")
	flags.BoolVar(&s.requestEndpoint, "request-endpoint", false, "")
	flags.Var(&s.audiences, "allow-audience", "")
	flags.Var(&s.identities, "identity", "")
}

func (s *supplyFlags) check() error {
	switch {
	case s.tokenFile && s.container:
		return errors.New("-container is about an endpoint, and -token-file has none")
	case s.tokenFile && s.requestEndpoint:
		return errors.New("-token-file serves nothing: leave it out, or -request-endpoint")
	case s.tokenFile && len(s.identities) > 0:
		return errors.New("-token-file is for one identity: leave it out, or -identity")
	case len(s.audiences) > 0 && !s.requestEndpoint:
		return errors.New("-allow-audience is of -request-endpoint, which is missing")
	}
	return nil
}

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
func (p *program) supply(ctx context.Context, l *login, flags supplyFlags) (*supply, error) {
	if flags.tokenFile {
		return p.keepTokenFile(ctx, l, flags.scopes)
	}
	return p.serveEndpoint(ctx, l, flags)
}

// serveEndpoint serves tokens as a managed identity endpoint does.
func (p *program) serveEndpoint(ctx context.Context, l *login, flags supplyFlags) (*supply, error) {
	cred, err := l.credential()
	if err != nil {
		return nil, err
	}
	holders, err := flags.identities.open(l)
	if err != nil {
		return nil, err
	}
	options := &tokenserver.Options{ClientID: l.clientID, Identities: flags.identities.served(holders), ErrorLog: p.log()}
	if flags.requestEndpoint {
		options.Assertion, options.Audiences = l.assertionFor, append(audiences{l.exchangeAudience()}, flags.audiences...)
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
		clientID:   l.clientID,
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
	return background(func(ctx context.Context) error {
		var running sync.WaitGroup
		for _, h := range holders {
			running.Go(func() { _ = h.cache.KeepFresh(ctx) }) // its error is that ctx has ended
		}
		running.Wait()
		return ctx.Err()
	})
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
