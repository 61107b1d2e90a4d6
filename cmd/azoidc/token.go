package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// token prints an access token, once the job's log will mask it.
func (p *program) token(ctx context.Context, args []string) int {
	var (
		common commonFlags
		wanted scopes
		output = newForm("json", "raw")
	)
	flags := newFlagSet("token")
	common.register(flags, p.env)
	flags.Var(&wanted, "scope", "")
	flags.Var(output, "o", "")
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	switch {
	case flags.NArg() > 0:
		return p.misused("token", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	case len(wanted) != 1:
		return p.misused("token", errors.New("exactly one -scope is needed, for example -scope https://vault.azure.net/.default"))
	}
	l := p.login(common)
	if err := l.check(); err != nil {
		return p.failed(err)
	}
	cred, err := l.credential()
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
	if err := p.printToken(output.value, token, l.tenantID); err != nil {
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
