package testkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// Canary is part of every secret that a fault invents.
const Canary = "CANARY-CANARY-CANARY"

// Logged is the log of azcore and azidentity, once a TestMain has made Logged.Write their listener.
var Logged LogBook

// A LogBook keeps what is logged while a test wants it.
type LogBook struct {
	open  atomic.Bool
	mu    sync.Mutex
	lines strings.Builder
}

// Write is a listener for azcore/log.
func (b *LogBook) Write(event log.Event, message string) {
	if b.open.Load() {
		b.mu.Lock()
		defer b.mu.Unlock()
		fmt.Fprintf(&b.lines, "%s %s\n", event, message)
	}
}

// Keep keeps what is logged until the test ends, and returns a function that tells it so far.
func (b *LogBook) Keep(t *testing.T) (sofar func() string) {
	b.mu.Lock()
	b.lines.Reset()
	b.mu.Unlock()
	b.open.Store(true)
	t.Cleanup(func() { b.open.Store(false) })
	return func() string {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.lines.String()
	}
}

// SecretsOf are all request tokens, assertions and access tokens that passed through cloud, and parts of them.
func SecretsOf(cloud *azoidctest.Cloud) []string {
	secrets := []string{Canary}
	for _, request := range cloud.Requests() {
		secrets = append(secrets, strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer "))
		secrets = append(secrets, request.Form.Get("client_assertion"), request.Form.Get("assertion"))
		for _, claims := range []*azoidctest.Claims{request.Assertion, request.AccessToken} {
			if claims != nil {
				secrets = append(secrets, claims.Raw)
			}
		}
	}
	for _, secret := range secrets {
		if parts := strings.Split(secret, "."); len(parts) == 3 {
			secrets = append(secrets, parts[1], parts[2])
		}
	}
	return secrets
}

// RequireNoSecret checks every form in which err can be printed.
func RequireNoSecret(t *testing.T, err error, cloud *azoidctest.Cloud) {
	t.Helper()
	secrets := SecretsOf(cloud)
	for form, text := range FormsOf(t, err) {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				t.Fatalf("a secret in the %s form of the error: %s", form, text)
			}
		}
	}
}

// FormsOf are the forms in which value can be printed.
func FormsOf(t *testing.T, value any) map[string]string {
	t.Helper()
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Error("failed", "value", value)
	slog.New(slog.NewJSONHandler(&structured, nil)).Error("failed", "value", value)
	document, _ := json.Marshal(value)
	forms := map[string]string{
		"%v": fmt.Sprintf("%v", value), "%+v": fmt.Sprintf("%+v", value), "%#v": fmt.Sprintf("%#v", value),
		"JSON": string(document), "slog text": text.String(), "slog JSON": structured.String(),
	}
	if err, ok := value.(error); ok {
		addErrorForms(t, forms, err)
	}
	return forms
}

// addErrorForms adds what a handler can dig out of an error.
func addErrorForms(t *testing.T, forms map[string]string, err error) {
	if unusable := (*azoidc.AssertionError)(nil); errors.As(err, &unusable) {
		forms["AssertionError %#v"] = fmt.Sprintf("%#v", *unusable)
	}
	if refused := (*azoidc.ExchangeError)(nil); errors.As(err, &refused) {
		forms["ExchangeError %#v"] = fmt.Sprintf("%#v", *refused)
		forms["ExchangeError.Err"] = fmt.Sprint(refused.Err)
	}
	if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &failed) && failed.RawResponse != nil {
		forms["AuthenticationFailedError"] = failed.Error()
		body, readErr := io.ReadAll(failed.RawResponse.Body)
		require.NoError(t, readErr)
		forms["RawResponse"] = fmt.Sprintf("%s %+v %+v", body, failed.RawResponse.Header, failed.RawResponse.Request)
	}
}
