package login

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
)

const reachTimeout = 30 * time.Second

// proxyVariables are those that Go's clients follow, as others do, in this order.
var proxyVariables = []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}

// proxySettings tells which way the environment sends requests, without the password that may be in it.
func (e *examination) proxySettings() (string, error) {
	var set []string
	for i, name := range proxyVariables {
		told := slices.ContainsFunc(proxyVariables[:i], func(other string) bool { return ci.SameVariable(other, name) })
		value := e.env.Get(name)
		if value == "" || told {
			continue
		}
		if literal := advice.Literal(name, value); literal != "" {
			return "", fmt.Errorf("%s", literal)
		}
		if strings.EqualFold(name, "HTTPS_PROXY") {
			value = proxyHost(value)
		}
		set = append(set, name+" "+oneLine(value))
	}
	if len(set) == 0 {
		return "none is set (HTTPS_PROXY)", nil
	}
	return strings.Join(set, ", "), nil
}

// proxyHost leaves out who asks.
func proxyHost(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(no URL)"
	}
	return u.Scheme + "://" + u.Host
}

// reach looks a host up, connects and shakes hands, on the very way that the other steps take. What it answers doesn't
// matter.
func (e *examination) reach(ctx context.Context, root *url.URL) (string, error) {
	if root.Scheme != "https" {
		return "", skipped("its address isn't https")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	var seen journey
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, seen.trace()), http.MethodHead, root.String(), nil)
	if err != nil {
		return "", err
	}
	response, err := e.clock.Do(request)
	if err != nil {
		return "", fmt.Errorf("%s%s: %s", seen.begun(), oneLine(err.Error()), advice.Network(err, ""))
	}
	_ = response.Body.Close()
	seen.note(e.throughProxy(request), fmt.Sprintf("answers (HTTP %d)", response.StatusCode))
	return seen.String(), nil
}

// throughProxy names the proxy that a request took.
func (e *examination) throughProxy(request *http.Request) string {
	if e.proxy == nil {
		return ""
	}
	proxy, err := e.proxy(request)
	if err != nil || proxy == nil {
		return ""
	}
	return "through the proxy " + oneLine(proxy.Host)
}

// A journey is what a request met on its way.
type journey struct {
	stops []string
}

func (j *journey) note(stops ...string) {
	for _, stop := range stops {
		if stop != "" {
			j.stops = append(j.stops, stop)
		}
	}
}

func (j *journey) String() string { return strings.Join(j.stops, ", ") }

// begun is how far a request came that has failed.
func (j *journey) begun() string {
	if len(j.stops) == 0 {
		return ""
	}
	return j.String() + ", then "
}

func (j *journey) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			if info.Err == nil && len(info.Addrs) > 0 {
				j.note(fmt.Sprintf("%d addresses, the first %s", len(info.Addrs), info.Addrs[0].String()))
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if err == nil {
				j.note(tls.VersionName(state.Version), certificateOf(state))
			}
		},
	}
}

// certificateOf tells who vouches for the server: a proxy that opens TLS shows here.
func certificateOf(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	certificate := state.PeerCertificates[0]
	return "certificate by " + oneLine(certificate.Issuer.CommonName) + " until " + certificate.NotAfter.UTC().Format(time.DateOnly)
}

const configurationTimeout = 30 * time.Second

// configuration reads the tenant's OpenID configuration, which needs no token: it tells whether Microsoft Entra can be
// reached, and knows the tenant.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
func (e *examination) configuration(ctx context.Context) (string, error) {
	if e.login.TenantID == "" {
		return "", skipped("the tenant isn't known")
	}
	ctx, cancel := context.WithTimeout(ctx, configurationTimeout)
	defer cancel()
	address := e.login.AuthorityHost + url.PathEscape(e.login.TenantID) + "/v2.0/.well-known/openid-configuration"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("-authority-host or AZURE_AUTHORITY_HOST is no URL: %w", err)
	}
	if request.URL.Scheme != "https" {
		return "", fmt.Errorf("the authority host %s must be an https URL", e.login.AuthorityHost)
	}
	response, err := e.clock.Do(request)
	if err != nil {
		return "", fmt.Errorf("no answer from %s: %w: check the network, the proxy (HTTPS_PROXY) and the certificate authorities (SSL_CERT_FILE)",
			request.URL.Host, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body) // outbound bounds it
	if err != nil {
		return "", err
	}
	return readConfiguration(response.StatusCode, body)
}

func readConfiguration(status int, body []byte) (string, error) {
	var document struct {
		Issuer           string `json:"issuer"`
		ErrorDescription string `json:"error_description"`
	}
	err := json.Unmarshal(body, &document)
	switch {
	case status == http.StatusOK && document.Issuer != "":
		return "issuer " + oneLine(document.Issuer), nil
	case status == http.StatusOK:
		return "", errors.New("what answers there isn't Microsoft Entra: check the authority host, and whether a proxy answers in its place")
	case err == nil && document.ErrorDescription != "":
		return "", fmt.Errorf("HTTP %d: %s: check the tenant's ID, and whether it belongs to another cloud than the authority host",
			status, oneLine(document.ErrorDescription))
	}
	return "", fmt.Errorf("HTTP %d: check the authority host and the tenant's ID, and try again later", status)
}
