package tokenserver

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// answerTimeout bounds the wait for a token. It is longer than a TokenCache's own bound on an acquisition, whose error
// tells more.
const answerTimeout = 150 * time.Second

// Options are the options of [New] and [Start]. They are read once and never modified.
type Options struct {
	// ClientID is the application that the credential authenticates. Requests may name it as the identity they want
	// (client_id), as SDKs do when AZURE_CLIENT_ID is set; those that name another one are refused. Empty: requests
	// that name an identity are refused.
	ClientID string

	// ErrorLog gets a line for each token that couldn't be had, because many clients hide why. No secret is in it.
	// Nil: nothing is logged.
	ErrorLog *log.Logger
}

// Handler answers the token requests of a managed identity's clients. It is safe for concurrent use. Whoever serves it
// with a server of their own should give that server timeouts, as [Start] does.
type Handler struct {
	cred     azcore.TokenCredential
	clientID string
	errorLog *log.Logger
	secret   secret
	// addressSecret is another one, because addresses are more likely to be logged than headers.
	addressSecret secret
}

// New makes a Handler, with a secret of its own, that serves the tokens of cred, a TokenCache as a rule: each request
// asks it for a token. Options may be nil. It fails only when cred is nil.
func New(cred azcore.TokenCredential, options *Options) (*Handler, error) {
	if cred == nil {
		return nil, errors.New("tokenserver: the credential is nil")
	}
	if options == nil {
		options = &Options{}
	}
	return &Handler{
		cred: cred, clientID: options.ClientID, errorLog: options.ErrorLog,
		secret: newSecret(), addressSecret: newSecret(),
	}, nil
}

// ServeHTTP answers with a token, or with a refusal in the protocol's form. What a request asks for is looked at only
// when it presents the secret.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refused := h.admit(r); refused != nil {
		refused.write(w, r)
		return
	}
	request, refused := h.parse(r)
	if refused != nil {
		refused.write(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	token, err := h.token(ctx, request.scope())
	if err != nil {
		h.log(r, request.resource, err)
		explain(err).write(w, r)
		return
	}
	h.answer(request, token).write(w)
}

// Preload acquires a token for each scope, all at once, exactly as requests for them will: a TokenCache then answers
// those at once. It returns when all are there or have failed; the errors are joined, each with its scope.
func (h *Handler) Preload(ctx context.Context, scopes ...string) error {
	results := make(chan error, len(scopes))
	for _, scope := range scopes {
		go func() {
			_, err := h.token(ctx, scopeOf(scope))
			if err != nil {
				err = fmt.Errorf("%s: %w", scope, err)
			}
			results <- err
		}()
	}
	var errs []error
	for range scopes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// token asks without CAE: a client of this protocol has no way to pass on a claims challenge, so it must not get tokens
// that are revoked by one, and live for a day otherwise.
// https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation
func (h *Handler) token(ctx context.Context, scope string) (azcore.AccessToken, error) {
	return h.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
}

func (h *Handler) log(r *http.Request, resource string, err error) {
	if h.errorLog != nil && r.Context().Err() == nil { // who left needs no explanation
		h.errorLog.Printf("no token for %q: %v", resource, err)
	}
}

// Format prints the Handler without its secret.
func (h *Handler) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "{ClientID:%q}", h.clientID) }
