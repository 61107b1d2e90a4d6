package tokenserver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The clients whose runtimes aren't here: what they send for App Service, and how they read the answer, by their sources.
// Azure.Identity and Azure PowerShell have the first, azure-identity for Java has the second.
var otherLanguages = map[string]struct {
	header, selector string
	more             string // of the query
	expiry           func(t *testing.T, body string) int64
}{
	// src/client/Microsoft.Identity.Client/ManagedIdentity: AppServiceManagedIdentitySource, ManagedIdentityRequest and
	// ManagedIdentityResponse, whose expires_on and expires_in set the same property, read from a string or a number.
	"MSAL.NET 4.8x": {"X-IDENTITY-HEADER", "client_id", "&xms_cc=cp1", func(t *testing.T, body string) int64 {
		t.Helper()
		decoder := json.NewDecoder(strings.NewReader(body))
		decoder.UseNumber()
		var last, name string
		for {
			token, err := decoder.Token()
			if err != nil {
				break
			}
			text := ""
			switch token := token.(type) {
			case string:
				text = token
			case json.Number:
				text = token.String()
			default:
				continue
			}
			if name == "expires_on" || name == "expires_in" {
				last = text
			}
			if name == "" {
				name = text
			} else {
				name = ""
			}
		}
		return number(t, last)
	}},
	// msal4j-sdk/src/main/java/com/microsoft/aad/msal4j: AppServiceManagedIdentitySource, ManagedIdentityResponse, and
	// AcquireTokenByManagedIdentitySupplier, which calls Long.parseLong.
	"msal4j 1.17": {"X-IDENTITY-HEADER", "mi_res_id", "", func(t *testing.T, body string) int64 {
		t.Helper()
		var answer struct {
			AccessToken string `json:"access_token"`
			ExpiresOn   string `json:"expires_on"`
			ClientID    string `json:"client_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(body), &answer))
		require.NotEmpty(t, answer.AccessToken)
		return number(t, answer.ExpiresOn)
	}},
}

func number(t *testing.T, digits string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(digits, 10, 64)
	require.NoError(t, err)
	return n
}

func TestClientsOfOtherLanguages(t *testing.T) {
	for name, client := range otherLanguages {
		t.Run(name, func(t *testing.T) {
			handler, env := hubAndSpoke(t)
			id := map[string]string{"client_id": "hub-client", "mi_res_id": "%2Fsubscriptions%2Fs%2Fhub"}[client.selector]
			r := httptest.NewRequest(http.MethodGet, env["IDENTITY_ENDPOINT"]+"?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net&"+
				client.selector+"="+id+client.more, nil)
			r.RemoteAddr = "127.0.0.1:50000"
			r.Header.Set(client.header, env["IDENTITY_HEADER"])
			a := serve(t, handler, r)
			require.Equal(t, http.StatusOK, a.status, a.text)
			require.Equal(t, "token-of-hub", a.body["access_token"])
			require.Equal(t, number(t, a.body["expires_on"].(string)), client.expiry(t, a.text))
		})
	}
}
