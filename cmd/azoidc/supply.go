package main

import (
	"context"
	"errors"
	"strings"
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

// serveEndpoint serves tokens as a managed identity endpoint does. Those for the scopes are there when it returns.
func (p *program) serveEndpoint(ctx context.Context, l *login, wanted []string) (*supply, error) {
	cred, err := l.credential()
	if err != nil {
		return nil, err
	}
	server, err := tokenserver.Start(cred, &tokenserver.Options{ClientID: l.clientID, ErrorLog: p.log()})
	if err != nil {
		return nil, err
	}
	if err := server.Preload(ctx, wanted...); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	stopKeeping := background(cred.KeepFresh)
	env := server.Env()
	return &supply{
		env:        env,
		credential: "ManagedIdentityCredential",
		clientID:   l.clientID,
		secrets:    []string{env["IDENTITY_HEADER"], strings.TrimPrefix(env["ARM_MSI_ENDPOINT"], env["IDENTITY_ENDPOINT"]+"/"), env["AZD_AUTH_KEY"]},
		tokens:     cred.Tokens,
		close: func() {
			stopKeeping()
			_ = server.Close() // only a client that is slow to take its answer makes it fail
		},
	}, nil
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
