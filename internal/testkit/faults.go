package testkit

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// Text answers with a status and a body.
func Text(code int, body string) azoidctest.Fault { return azoidctest.Status(code, nil, body) }

// RetryAfterIn answers 503 with a Retry-After.
func RetryAfterIn(header string) azoidctest.Fault {
	return azoidctest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {header}}, "")
}

// transportErrors are what a handler can't cause.
var transportErrors = map[string]error{
	"EOF": &url.Error{Op: "Get", URL: "https://login.example/?audience=" + Canary, Err: io.EOF},
	"TLS": &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
	"DNS": &net.DNSError{Err: "no such host", Name: "login.example", IsNotFound: true},
}

// Failing marks an answer for WithTransportErrors.
func Failing(name string) azoidctest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("X-Transport-Error", name)
	}
}

// WithTransportErrors turns the marked answers into errors.
func WithTransportErrors(cloud *azoidctest.Cloud) testbed.TransportFunc {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := cloud.Do(r)
		if err != nil || resp.Header.Get("X-Transport-Error") == "" {
			return resp, err
		}
		resp.Body.Close()
		return nil, transportErrors[resp.Header.Get("X-Transport-Error")]
	}
}

// Redirect answers with a redirect to another host.
func Redirect(code int) azoidctest.Fault {
	return azoidctest.Status(code, http.Header{"Location": {"https://evil.example/"}}, "")
}
