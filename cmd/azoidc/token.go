package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/redact"
)

// token prints an access token, once the job's log will mask it.
func (p *program) token(ctx context.Context, args []string) int {
	var (
		common login.Flags
		wanted []string
		output = newForm("json", "raw")
	)
	flags := newFlagSet("token")
	common.Register(flags, p.env)
	scopeFlag(flags, &wanted)
	output.register(flags)
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	switch {
	case flags.NArg() > 0:
		return p.misused("token", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	case len(wanted) != 1:
		return p.misused("token", errors.New("exactly one -scope is needed, for example -scope https://vault.azure.net/.default"))
	}
	l := login.New(p.env, common, p.client)
	if err := l.Check(); err != nil {
		return p.failed(err)
	}
	cred, err := l.Credential()
	if err != nil {
		return p.failed(err)
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: wanted})
	if err != nil {
		return p.failed(err)
	}
	if err := p.mask(token.Token); err != nil {
		return p.failed(err)
	}
	if err := p.printToken(output.value, token, l.TenantID); err != nil {
		return p.failed(err)
	}
	return exitWell
}

// accessToken has the form of 'az account get-access-token', without the subscription.
type accessToken struct {
	AccessToken string `json:"accessToken"`
	ExpiresOn   string `json:"expiresOn"`  // local time
	ExpiresAt   int64  `json:"expires_on"` // seconds since 1970
	Tenant      string `json:"tenant"`
	TokenType   string `json:"tokenType"`
}

func (p *program) printToken(output string, token azcore.AccessToken, tenantID string) error {
	if output == "raw" {
		_, err := fmt.Fprintln(p.direct.stdout, token.Token)
		return err
	}
	var answer bytes.Buffer
	err := writeJSON(&answer, accessToken{
		AccessToken: token.Token,
		ExpiresOn:   token.ExpiresOn.In(time.Local).Format("2006-01-02 15:04:05.000000"),
		ExpiresAt:   token.ExpiresOn.Unix(),
		Tenant:      redact.Line(tenantID),
		TokenType:   "Bearer",
	})
	if err != nil {
		return err
	}
	if !bytes.Contains(answer.Bytes(), []byte(token.Token)) {
		return errors.New("the token isn't printed, because JSON would write it in a form that the log doesn't mask")
	}
	_, err = p.direct.stdout.Write(answer.Bytes())
	return err
}

// assertion prints a new OIDC token, once the job's log will mask it.
func (p *program) assertion(ctx context.Context, args []string) int {
	var common login.Flags
	flags := newFlagSet("assertion")
	common.Register(flags, p.env)
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("assertion", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	l := login.New(p.env, common, p.client)
	if err := l.CheckRequest(); err != nil {
		return p.failed(err)
	}
	jwt, err := l.Assertion()(ctx)
	if err != nil {
		return p.failed(err)
	}
	if err := p.mask(jwt); err != nil {
		return p.failed(err)
	}
	if _, err := fmt.Fprintln(p.direct.stdout, jwt); err != nil {
		return p.failed(err)
	}
	return exitWell
}

// mask returns when the job's log will show *** in place of the secret.
func (p *program) mask(secret string) error {
	system := ci.Running(p.env.Get)
	if system == nil {
		return nil
	}
	if err := ci.TellJobLog(system.Mask(secret), p.direct.stdout, p.direct.stderr); err != nil {
		return fmt.Errorf("the token isn't printed, because the log couldn't be told to mask it: %w", err)
	}
	return nil
}
