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

	"github.com/azoidc/azoidc/internal/redact"
)

// answerTimeout bounds the wait for a token. It is longer than a TokenCache's own bound on an acquisition, whose error tells
// more.
const answerTimeout = 150 * time.Second

// Options are the options of [New] and [Start]. Both copy them and never modify them.
type Options struct {
	// ClientID is the client ID of the application that the credential authenticates. A request may name it as the
	// identity that it wants (client_id); SDKs do so if AZURE_CLIENT_ID is set. A request that names an identity
	// which isn't served is refused with 400.
	ClientID string

	// Identities are further identities, besides the credential's own. A request that names no identity gets a token
	// of the credential's own.
	Identities []Identity

	// Assertion returns a new OIDC token, a JWT with the given audience, at every call. It is called concurrently. If
	// it isn't nil, the Handler also serves OIDC tokens for Audiences, in the way in which GitHub Actions does.
	// Whoever gets such a token can exchange it for the tokens of every application that trusts it.
	Assertion func(ctx context.Context, audience string) (string, error)

	// Audiences are the audiences for which OIDC tokens are served. A request for any other audience is refused with
	// 400.
	Audiences []string

	// Containers are this machine's addresses on the networks of containers, each with the length of its network's
	// prefix, for example 172.17.0.1/16 with Docker. Requests from all of these networks are admitted. [Start]
	// listens on 127.0.0.1 and on the first of the addresses, and [Server.Env] names the latter, because containers
	// and the machine's own processes can both reach it. If Containers is empty, only the machine's own processes are
	// served.
	Containers []netip.Prefix

	// ErrorLog gets a line for each token that couldn't be acquired, because many clients don't show the reason. The
	// lines contain no secret. If ErrorLog is nil, nothing is logged.
	ErrorLog *log.Logger
}

// Handler is an [http.Handler] that answers requests for tokens, in the protocols that the package's
// documentation lists. It is safe for concurrent use. An http.Server that serves it should have timeouts, as the one
// of [Start] has. The zero Handler refuses every request.
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

// New makes a Handler that serves the tokens of cred and has new secrets. Every request asks cred for a token, so
// cred should be a TokenCache or another credential that caches. options may be nil. New returns an error if
//
//   - cred or the credential of another identity is nil,
//   - the name of another identity is empty, has more than 64 characters, or has others than letters, digits, - and
//     _,
//   - the names of two identities differ only in letter case, or in having - for _.
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

// ServeHTTP answers with a token, or with an error in the form that the request's protocol has for errors. It looks
// at what a request asks for only after the request has presented a secret. A request waits for a token for at most
// 150 seconds.
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

// Env returns the environment variables by which programs find the Handler. endpoint is the URL at which the Handler
// is served: an http URL on loopback without a path, for example "http://127.0.0.1:41741". The values contain the
// Handler's secrets.
//
//   - IDENTITY_ENDPOINT and IDENTITY_HEADER are for today's Azure SDKs. AZCOPY_AUTO_LOGIN_TYPE makes AzCopy use them.
//   - MSI_ENDPOINT, MSI_SECRET and APPSETTING_WEBSITE_SITE_NAME are for older clients, such as Azure CLI 2.45.
//   - ARM_USE_MSI, ARM_MSI_ENDPOINT and ARM_MSI_API_VERSION are for Terraform's azurerm and azuread providers and its
//     azurerm backend. These send no secret in a header
//     (https://github.com/hashicorp/terraform-provider-azurerm/issues/33001), so the path of their endpoint contains
//     another secret.
//   - AZOIDC_MSI_ENDPOINT_{NAME} is set for each of Options.Identities. It is an endpoint like ARM_MSI_ENDPOINT, for
//     that identity alone.
//   - AZD_AUTH_ENDPOINT and AZD_AUTH_KEY are for the Azure Developer CLI, azd.
//   - ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are for tools that request OIDC tokens as in
//     GitHub Actions, and ARM_OIDC_REQUEST_URL and ARM_OIDC_REQUEST_TOKEN are the same for Terraform. They are set if
//     Options.Assertion is.
func (h *Handler) Env(endpoint string) map[string]string {
	env := h.managedIdentityEnv(endpoint + managedIdentityPath)
	env["AZD_AUTH_ENDPOINT"] = endpoint + azdPath
	env["AZD_AUTH_KEY"] = h.azdKey.Reveal()
	if h.assertion != nil {
		for _, prefix := range []string{"ACTIONS_ID_TOKEN", "ARM_OIDC"} {
			env[prefix+"_REQUEST_URL"] = endpoint + requestPath + requestQuery
			env[prefix+"_REQUEST_TOKEN"] = h.requestToken.Reveal()
		}
	}
	return env
}

// Preload acquires a token for each scope, of the credential and of each of Options.Identities, all at the same time, and asks for
// them exactly as later requests will. A TokenCache then answers those requests at once. Preload returns when every token has been
// acquired or has failed. Its error joins the errors of those that failed, each with its scope and its identity's name.
func (h *Handler) Preload(ctx context.Context, scopes ...string) error {
	if len(h.identities) == 0 {
		return errNoCredential
	}
	results := make(chan error, len(h.identities)*len(scopes))
	for i := range h.identities {
		for _, scope := range scopes {
			go func() { results <- h.identities[i].preload(ctx, scope) }()
		}
	}
	var errs []error
	for range cap(results) {
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
