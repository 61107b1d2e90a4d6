package login

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

// answering is a service that says the same to everybody, and notes who asked.
type answering struct {
	status int
	body   string
	broken bool // in the middle of the answer
	asked  *http.Request
	open   bool // the answer, which keeps a connection
}

func (a *answering) Do(r *http.Request) (*http.Response, error) {
	a.asked, a.open = r, true
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: &answer{strings.NewReader(a.body), a}, Request: r}, nil
}

type answer struct {
	io.Reader
	of *answering
}

func (b *answer) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.of.broken {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *answer) Close() error {
	b.of.open = false
	return nil
}

func TestProbe(t *testing.T) {
	const manager, graph = "https://management.core.windows.net//.default", "https://graph.microsoft.com/.default"
	graphToken := func(roles string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"roles":%s}`, roles)) + ".c2ln"
	}
	for name, test := range map[string]struct {
		scope, token string
		status       int
		body         string
		env          ci.Variables
		want, doubt  string
		err          string
		asked        string
	}{
		"subscriptions":     {manager, "t", 200, `{"value":[{"subscriptionId":"A"},{"subscriptionId":"b"}]}`, nil, "shows 2 subscriptions", "", "", "https://management.azure.com/subscriptions?api-version=2022-12-01"},
		"the right one":     {manager, "t", 200, `{"value":[{"subscriptionId":"A"}]}`, ci.Variables{"AZURE_SUBSCRIPTION_ID=a"}, "shows 1 subscription", "", "", ""},
		"another one":       {manager, "t", 200, `{"value":[{"subscriptionId":"A"}]}`, ci.Variables{"ARM_SUBSCRIPTION_ID=b"}, "", "but not b: the application has no role there. Assign one, Reader to read, Contributor to deploy:\naz role assignment create --assignee CLIENT --role Contributor --scope /subscriptions/b", "", ""},
		"none":              {manager, "t", 200, `{"value":[]}`, nil, "", "no role on any. Assign one, Reader to read, Contributor to deploy:\naz role assignment create --assignee CLIENT --role Contributor --scope /subscriptions/SUBSCRIPTION_ID", "", ""},
		"not even one":      {manager, "t", 200, `{"value":[]}`, ci.Variables{"ARM_SUBSCRIPTION_ID=b"}, "", "shows no subscription", "", ""},
		"no list":           {manager, "t", 200, `<html>`, nil, "", "", "HTTP 200: without a reason", ""},
		"an error, a list":  {manager, "t", 500, `{"value":[{"subscriptionId":"A"}],"error":{"message":"busy"}}`, nil, "", "", "HTTP 500: without a reason", ""},
		"refused":           {manager, "t", 401, `{"error":{"code":"InvalidAuthenticationTokenTenant","message":"wrong\nissuer"}}`, nil, "", "", "management.azure.com refuses the token (HTTP 401): InvalidAuthenticationTokenTenant: wrong issuer", ""},
		"refused silently":  {manager, "t", 401, `<html>`, nil, "", "", "without a reason", ""},
		"something else":    {manager, "t", 500, ``, nil, "", "", "HTTP 500", ""},
		"Graph, a role":     {graph, graphToken(`["User.Read.All"]`), 200, `{}`, nil, "with User.Read.All", "", "", "https://graph.microsoft.com/v1.0/organization?$select=id"},
		"Graph, no role":    {graph, graphToken(`[]`), 403, `{}`, nil, "", "holds no application permission", "", ""},
		"Graph, opaque":     {graph, "opaque", 403, `{}`, nil, "takes the token", "", "", ""},
		"Graph, no base64":  {graph, "e30.!.c2ln", 200, `{}`, nil, "takes the token", "", "", ""},
		"Graph, no JSON":    {graph, "e30.IQ.c2ln", 200, `{}`, nil, "takes the token", "", "", ""},
		"Graph, an outage":  {graph, "t", 503, `{}`, nil, "", "", "HTTP 503", ""},
		"no token":          {manager, "", 0, ``, nil, "", "", "there is no token", ""},
		"a service unknown": {"https://vault.azure.net/.default", "t", 0, ``, nil, "", "", "knows no request", ""},
		"no service":        {"api://app/.default", "t", 0, ``, nil, "", "", "knows no request", ""},
		"no host":           {"app/.default", "t", 0, ``, nil, "", "", "the scope names no host", ""},
	} {
		t.Run(name, func(t *testing.T) {
			service := &answering{status: test.status, body: test.body}
			e := &examination{env: test.env, clock: newClock(service), login: Login{ClientID: "CLIENT"}}
			detail, err := e.probe(t.Context(), test.scope, test.token)
			requireFound(t, detail, err, test.want, test.doubt, test.err)
			if test.asked != "" {
				require.Equal(t, test.asked, service.asked.URL.String())
				require.Equal(t, "Bearer "+test.token, service.asked.Header.Get("Authorization"))
			}
			require.Equal(t, test.status == 0, service.asked == nil)
			require.False(t, service.open)
		})
	}
}

func TestProbeWithoutAnswer(t *testing.T) {
	e := &examination{clock: newClock(failing{})}
	_, err := e.probe(t.Context(), "https://management.azure.com/.default", "t")
	require.ErrorContains(t, err, "no answer from management.azure.com: no network")
	broken := &answering{status: 200, body: `{"value":[]}`, broken: true}
	e.clock = newClock(broken)
	_, err = e.probe(t.Context(), "https://management.azure.com/.default", "t")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.False(t, broken.open)
}
