package advice

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/azoidc/azoidc/internal/redact"
)

// Proxy is what to do where a proxy wants to know who asks.
const Proxy = "the proxy wants to know who asks: give it a user and a password in HTTPS_PROXY (http://USER:PASSWORD@HOST:PORT), " +
	"or have it let this service's host pass"

// Network says what to do about a request that no answer came for; timeouts says where its time is set.
func Network(err error, timeouts string) string {
	var (
		dns    *net.DNSError
		verify *tls.CertificateVerificationError
		notTLS tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired)): // how net/http reports a refused CONNECT
		return Proxy
	case errors.As(err, &dns):
		return "check that this machine can resolve " + redact.Line(dns.Name) + ", and its proxy settings (HTTPS_PROXY)"
	case errors.As(err, &verify), errors.As(err, &notTLS):
		return "check this machine's clock and its certificate authorities: a proxy that opens TLS needs its own authority installed (SSL_CERT_FILE)"
	case errors.Is(err, context.DeadlineExceeded):
		return "the service didn't answer in time: check the network and the proxy" + timeouts
	}
	return "check the network, the firewall and the proxy (HTTPS_PROXY) between this machine and the service, then try again"
}
