package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/azoidc/azoidc"
)

// signIn acquires tokens for all scopes from the real cloud, and shows who the job is and until when the tokens live.
func signIn(ctx context.Context, out io.Writer, job job, client azcore.ClientOptions, scopes []string) error {
	cred, err := signedIn(job, client)
	if err != nil {
		return err
	}
	who, err := claims(ctx, job.assertions(client))
	if err != nil {
		return err
	}
	showClaims(out, job.system, who)
	err = cred.Preload(ctx, scopes...)
	showTokens(out, cred.Tokens())
	return err
}

// claims are those of a new OIDC token of the job's.
func claims(ctx context.Context, assertion azoidc.AssertionFunc) (azoidc.Claims, error) {
	token, err := assertion(ctx)
	if err != nil {
		return azoidc.Claims{}, err
	}
	return azoidc.ParseClaims(token)
}

// showClaims shows what a federated identity credential must hold, letter for letter.
func showClaims(out io.Writer, system string, who azoidc.Claims) {
	fmt.Fprintf(out, "What %s says of this job\n\n", system)
	fmt.Fprintf(out, "  issuer    %s\n", who.Issuer)
	fmt.Fprintf(out, "  subject   %s\n", who.Subject)
	fmt.Fprintf(out, "  audience  %s\n", strings.Join(who.Audience, " "))
}

func showTokens(out io.Writer, tokens []azoidc.TokenStatus) {
	if len(tokens) == 0 {
		return
	}
	fmt.Fprint(out, "\nAccess tokens from Microsoft Entra\n\n")
	for _, token := range tokens {
		fmt.Fprintf(out, "  until %s (%3.0f min)  %s\n", token.ExpiresOn.UTC().Format("2006-01-02 15:04:05 MST"),
			time.Until(token.ExpiresOn).Minutes(), strings.Join(token.Scopes, " "))
	}
}
