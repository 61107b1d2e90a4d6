package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/azoidc/azoidc/internal/advice"
)

const reachTimeout = 30 * time.Second

// proxyVariables are those that Go's clients follow, as others do, in this order.
var proxyVariables = []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}

// proxy tells which way the environment sends requests, without the password that may be in it.
func (e *examination) proxy() (string, error) {
	var set []string
	for i, name := range proxyVariables {
		told := slices.ContainsFunc(proxyVariables[:i], func(other string) bool { return sameName(other, name) })
		value := e.env.get(name)
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
	if !e.direct {
		return ""
	}
	proxy, err := http.ProxyFromEnvironment(request)
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
