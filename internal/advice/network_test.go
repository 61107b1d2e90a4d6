package advice_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

func TestNetwork(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("asking: %w", context.Canceled):                              "",
		errors.New("proxyconnect: Proxy Authentication Required"):               advice.Proxy,
		&net.OpError{Op: "dial", Err: &net.DNSError{Name: "h\u200bost"}}:        "check that this machine can resolve h�ost, and its proxy settings (HTTPS_PROXY)",
		&tls.CertificateVerificationError{Err: errors.New("unknown authority")}: "check this machine's clock and its certificate authorities",
		fmt.Errorf("asking: %w", tls.RecordHeaderError{Msg: "not TLS"}):         "check this machine's clock and its certificate authorities",
		fmt.Errorf("asking: %w", context.DeadlineExceeded):                      "the service didn't answer in time: check the network and the proxy, or wait",
		errors.New("connection refused"):                                        "check the network, the firewall and the proxy (HTTPS_PROXY)",
	} {
		text := advice.Network(err, ", or wait")
		require.Equal(t, want == "", text == "", err)
		require.Contains(t, text, want)
	}
}
