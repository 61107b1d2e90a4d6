package tokenserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/tokenserver"
)

func TestNewWithoutCredential(t *testing.T) {
	_, err := tokenserver.New(nil, nil)
	require.ErrorContains(t, err, "credential is nil")
	_, err = tokenserver.Start(nil, nil)
	require.ErrorContains(t, err, "credential is nil")
}

func TestPreload(t *testing.T) {
	var running sync.WaitGroup
	running.Add(2)
	cred := &source{get: func(context.Context) (azcore.AccessToken, error) {
		running.Done()
		running.Wait() // both at once, or never
		return azcore.AccessToken{}, fmt.Errorf("no luck")
	}}
	handler, _ := newHandler(t, cred)

	err := handler.Preload(t.Context(), vault+"/.default", "https://storage.azure.com")

	require.ErrorContains(t, err, vault+"/.default: no luck")
	require.ErrorContains(t, err, "https://storage.azure.com: no luck")
	require.ElementsMatch(t, []string{vault + "/.default", "https://storage.azure.com/.default"}, cred.scopes())
	require.NoError(t, handler.Preload(t.Context()))
	handler, _ = newHandler(t, &source{})
	require.NoError(t, handler.Preload(t.Context(), vault, "https://storage.azure.com"))
	require.ErrorContains(t, new(tokenserver.Handler).Preload(t.Context(), vault), "credential is nil")
}

func TestPreloadOfIdentities(t *testing.T) {
	own, hub := &source{}, &source{get: func(context.Context) (azcore.AccessToken, error) { return azcore.AccessToken{}, errors.New("no trust") }}
	handler, err := tokenserver.New(own, &tokenserver.Options{Identities: []tokenserver.Identity{{Name: "hub", Credential: hub, ClientID: "h"}}})
	require.NoError(t, err)
	require.EqualError(t, handler.Preload(t.Context(), vault+"/.default"), "hub: "+vault+"/.default: no trust")
	require.Equal(t, []string{vault + "/.default"}, own.scopes())
	require.Equal(t, []string{vault + "/.default"}, hub.scopes())
}

// Nothing is logged about a client that left, and its credential is told.
func TestClientThatLeaves(t *testing.T) {
	var logged bytes.Buffer
	ctx, leave := context.WithCancel(t.Context())
	handler, err := tokenserver.New(&source{get: func(ctx context.Context) (azcore.AccessToken, error) {
		leave()
		<-ctx.Done()
		return azcore.AccessToken{}, ctx.Err()
	}}, &tokenserver.Options{ErrorLog: log.New(&logged, "", 0)})
	require.NoError(t, err)
	serve(t, handler, newRequest(handler.Env(endpoint), vault).WithContext(ctx))
	require.Empty(t, logged.String())
}
