package acceptance_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"

	"github.com/azoidc/azoidc/azoidctest"
)

func openHashicorpGitHub(t *testing.T, server *azoidctest.Server) getToken {
	job := server.GitHubJob(nil)
	return authorizers(t, server, func(ctx context.Context, api environments.Api, environment environments.Environment) (auth.Authorizer, error) {
		return auth.NewGitHubOIDCAuthorizer(ctx, auth.GitHubOIDCAuthorizerOptions{
			Api: api, Environment: environment, TenantId: server.TenantID(), ClientId: server.ClientID(),
			IdTokenRequestUrl: job.RequestURL, IdTokenRequestToken: job.RequestToken,
		})
	})
}

func openHashicorpPipelines(t *testing.T, server *azoidctest.Server) getToken {
	job := server.PipelinesJob(nil)
	return authorizers(t, server, func(ctx context.Context, api environments.Api, environment environments.Environment) (auth.Authorizer, error) {
		return auth.NewADOPipelineOIDCAuthorizer(ctx, auth.ADOPipelineOIDCAuthorizerOptions{
			Api: api, Environment: environment, TenantId: server.TenantID(), ClientId: server.ClientID(),
			IdTokenRequestUrl: job.RequestURI, IdTokenRequestToken: job.SystemAccessToken, ServiceConnectionId: job.ServiceConnectionID,
		})
	})
}

type newAuthorizer func(context.Context, environments.Api, environments.Environment) (auth.Authorizer, error)

// authorizers keeps one for each API, as Terraform's providers do. Their HTTP client is a variable of the package.
func authorizers(t *testing.T, server *azoidctest.Server, make newAuthorizer) getToken {
	before := auth.Client
	auth.Client = server.Client()
	t.Cleanup(func() { auth.Client = before })
	environment := environments.Environment{Authorization: &environments.Authorization{LoginEndpoint: server.URL}}
	var mu sync.Mutex
	made := map[string]auth.Authorizer{}
	find := func(ctx context.Context, scope string) (auth.Authorizer, error) {
		mu.Lock()
		defer mu.Unlock()
		if made[scope] == nil {
			resource := strings.TrimSuffix(scope, "/.default")
			authorizer, err := make(ctx, environments.NewApiEndpoint(resource, resource, nil).WithResourceIdentifier(resource), environment)
			if err != nil {
				return nil, err
			}
			made[scope] = authorizer
		}
		return made[scope], nil
	}
	return func(ctx context.Context, scope string) (string, error) {
		authorizer, err := find(ctx, scope)
		if err != nil {
			return "", err
		}
		token, err := authorizer.Token(ctx, &http.Request{})
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}
}
