package tokenserver

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/netip"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// answerTimeout bounds the wait for a token. It is longer than a TokenCache's own bound on an acquisition, whose error tells
// more.
const answerTimeout = 150 * time.Second

// Options are the options of [New] and [Start]. They are read once and never modified.
type Options struct {
	// ClientID is the application that the credential authenticates. A request may name it as the identity it wants
	// (client_id), as SDKs do when AZURE_CLIENT_ID is set. A request that names an identity which isn't served is refused.
	ClientID string

	// Identities are served beside the credential's own, which is the one for requests that name none.
	Identities []Identity

	// Assertion requests a new OIDC token with the given audience, a JWT, at every call. It is called from several
	// goroutines at once. If it isn't nil, the Handler is a request endpoint, too: it serves OIDC tokens for Audiences the
	// way GitHub Actions does. Whoever gets one can exchange it for the tokens of every application that trusts it.
	Assertion func(ctx context.Context, audience string) (string, error)

	// Audiences are those that OIDC tokens are served for, and no others.
	Audiences []string

	// Containers are this machine's addresses on networks of containers, each with its network, such as Docker's
	// 172.17.0.1/16. Requests are admitted from all of them. [Start] listens on the first one, too, and [Server.Env] names
	// it: the machine's own processes and containers reach it alike. Without Containers only the machine's own processes
	// are served.
	Containers []netip.Prefix

	// ErrorLog gets a line for each token that couldn't be had, because many clients don't show the reason. The lines
	// hold no secret. When ErrorLog is nil, nothing is logged.
	ErrorLog *log.Logger
}

// Handler answers the token requests of a managed identity's clients, of azd, and, as a request endpoint, of those who ask
// for OIDC tokens. It is safe for concurrent use. An http.Server that serves it should have timeouts, as that of [Start]
// has.
type Handler struct {
	identities []identity // the first one is for requests that name none
	revoked    *revocations
	assertion  func(ctx context.Context, audience string) (string, error)
	audiences  []string
	containers containers
	errorLog   *log.Logger
	// Each protocol has a secret of its own, and each identity one for its address, see identity.
	secret, azdKey, requestToken secret
}

var errNoCredential = errors.New("tokenserver: the credential is nil")

// New makes a Handler that serves the tokens of cred and has secrets of its own. Every request asks cred for a token, so
// cred should be a TokenCache or another credential that caches. Options may be nil. New fails when cred or the credential
// of another identity is nil, and when an identity's name can't be used.
func New(cred azcore.TokenCredential, options *Options) (*Handler, error) {
	if cred == nil {
		return nil, errNoCredential
	}
	if options == nil {
		options = &Options{}
	}
	identities, err := newIdentities(cred, options)
	if err != nil {
		return nil, err
	}
	return &Handler{
		identities: identities, revoked: &revocations{},
		assertion: options.Assertion, audiences: append([]string(nil), options.Audiences...), errorLog: options.ErrorLog,
		containers: append(containers(nil), options.Containers...),
		secret:     newSecret(), azdKey: newSecret(), requestToken: newSecret(),
	}, nil
}

// ServeHTTP answers with a token, or with an error in the form of the protocol. It looks at what a request asks for only
// after the request has presented a secret.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connectionOf(r)
	asked, refused := h.admit(r)
	if refused != nil {
		conn.refuse()
		refused.write(w, r)
		return
	}
	if !conn.admit() {
		busy().write(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	asked.serve(w, r.WithContext(ctx))
}

// Env returns the environment variables by which programs find the Handler, which is served at endpoint: an http URL on
// loopback without a path, such as "http://127.0.0.1:41741". The values hold the Handler's secrets.
//
//   - IDENTITY_ENDPOINT and IDENTITY_HEADER are for today's Azure SDKs, and AZCOPY_AUTO_LOGIN_TYPE makes AzCopy use them.
//   - MSI_ENDPOINT, MSI_SECRET and APPSETTING_WEBSITE_SITE_NAME are for older clients, such as Azure CLI 2.45.
//   - ARM_USE_MSI, ARM_MSI_ENDPOINT and ARM_MSI_API_VERSION are for Terraform's azurerm and azuread providers and its azurerm
//     backend. They send no secret in a header (https://github.com/hashicorp/terraform-provider-azurerm/issues/33001), so the
//     path of their endpoint holds another secret.
//   - AZOIDC_MSI_ENDPOINT_NAME, for each of Options.Identities, is an endpoint such as ARM_MSI_ENDPOINT for that identity alone.
//   - AZD_AUTH_ENDPOINT and AZD_AUTH_KEY are for the Azure Developer CLI, azd.
//   - ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, and the same as ARM_OIDC_REQUEST_URL and
//     ARM_OIDC_REQUEST_TOKEN, are those of the request endpoint, if Options.Assertion makes the Handler one.
func (h *Handler) Env(endpoint string) map[string]string {
	env := h.managedIdentityEnv(endpoint + managedIdentityPath)
	env["AZD_AUTH_ENDPOINT"] = endpoint + azdPath
	env["AZD_AUTH_KEY"] = h.azdKey.text()
	if h.assertion != nil {
		for _, prefix := range []string{"ACTIONS_ID_TOKEN", "ARM_OIDC"} {
			env[prefix+"_REQUEST_URL"] = endpoint + requestPath + requestQuery
			env[prefix+"_REQUEST_TOKEN"] = h.requestToken.text()
		}
	}
	return env
}

// Preload acquires a token of the credential's for each scope, all at the same time, exactly as later requests for them
// will: a TokenCache then answers those requests at once. Preload returns when all tokens are there or have failed. Its
// error joins those of the scopes that failed, each with its scope.
func (h *Handler) Preload(ctx context.Context, scopes ...string) error {
	if len(h.identities) == 0 {
		return errNoCredential
	}
	results := make(chan error, len(scopes))
	for _, scope := range scopes {
		go func() {
			_, err := h.identities[0].token(ctx, policy.TokenRequestOptions{Scopes: []string{scopeOf(scope)}})
			if err != nil {
				err = fmt.Errorf("%s: %w", redact.Line(scope), redact.Against().Report(err))
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

// log tells why a token couldn't be had, but for a client that has left.
func (h *Handler) log(ctx context.Context, wanted string, err error) {
	if h.errorLog != nil && !errors.Is(ctx.Err(), context.Canceled) {
		h.errorLog.Print(redact.Text(fmt.Sprintf("no token for %q: %v", wanted, err)))
	}
}
