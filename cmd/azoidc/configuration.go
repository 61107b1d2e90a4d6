package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const configurationTimeout = 30 * time.Second

// configuration reads the tenant's OpenID configuration, which needs no token: it tells whether Microsoft Entra can be
// reached, and knows the tenant.
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
func (e *examination) configuration(ctx context.Context) (string, error) {
	if e.login.tenantID == "" {
		return "", skipped("the tenant isn't known")
	}
	ctx, cancel := context.WithTimeout(ctx, configurationTimeout)
	defer cancel()
	address := e.login.authorityHost + url.PathEscape(e.login.tenantID) + "/v2.0/.well-known/openid-configuration"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("-authority-host or AZURE_AUTHORITY_HOST is no URL: %w", err)
	}
	if request.URL.Scheme != "https" {
		return "", fmt.Errorf("the authority host %s must be an https URL", e.login.authorityHost)
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
