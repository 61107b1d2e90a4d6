package outbound

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// defaultPool is shared by all credentials, so that they share connections.
var defaultPool = pool{more: func() *http.Client { return &http.Client{Transport: newTransport(healthChecks)} }}

// healthChecks are azcore's: a connection that dropped out of a NAT table, or a laptop's from before its sleep, is closed
// after 15 seconds.
var healthChecks = http.HTTP2Config{
	SendPingTimeout: 10 * time.Second, // without a frame; then a ping is sent
	PingTimeout:     5 * time.Second,  // for its answer
}

// newTransport has the settings of azcore's default one.
func newTransport(checks http.HTTP2Config) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           newDialer().DialContext,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &checks,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   10,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,

		MaxResponseHeaderBytes: MaxHeader,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, Renegotiation: tls.RenegotiateFreelyAsClient},
	}
}

// newDialer is as net/http's own.
func newDialer() *net.Dialer {
	return &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
}

// withoutRedirects returns a copy of client that hands a redirect back as the answer. A followed one would take the
// assertion, or the CI system's request token, to a host that the caller never named.
func withoutRedirects(client *http.Client) *http.Client {
	strict := *client
	strict.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &strict
}

// isTimeout holds for a request that ended because its time was over. Whether the service was slow or the connection is
// dead can't be told, and HTTP/2 leaves it open.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
