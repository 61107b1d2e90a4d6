package azoidctest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// azureHosts are requests to Azure's services that need nothing but a token.
var azureHosts = []struct {
	name, url string
	header    http.Header
	accepted  []string // audiences
	challenge string   // to a request without a token; %s is the tenant
	missing   string   // code of its answer
	another   string   // code of the answer to a token for another service
}{
	{
		name: "Resource Manager",
		url:  "https://management.azure.com/subscriptions?api-version=2022-12-01",
		accepted: []string{"https://management.azure.com", "https://management.azure.com/", "https://management.core.windows.net",
			"https://management.core.windows.net/"},
		challenge: `Bearer realm="", authorization_uri="https://login.microsoftonline.com/%s/oauth2/authorize", resource="https://management.core.windows.net/"`,
		missing:   "AuthenticationFailed",
		another:   "InvalidAuthenticationTokenAudience",
	},
	{
		name:      "Key Vault",
		url:       "https://octo.vault.azure.net/secrets?api-version=7.5",
		accepted:  []string{"https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"},
		challenge: `Bearer authorization="https://login.microsoftonline.com/%s", resource="https://vault.azure.net"`,
		missing:   "AKV10000",
		another:   "AKV10022",
	},
	{
		name:      "Blob Storage",
		url:       "https://octo.blob.core.windows.net/",
		header:    http.Header{"X-Ms-Version": {"2021-12-02"}},
		accepted:  []string{"https://storage.azure.com", "https://storage.azure.com/", "https://octo.blob.core.windows.net"},
		challenge: `Bearer authorization_uri=https://login.microsoftonline.com/%s/oauth2/authorize resource_id=https://storage.azure.com`,
		missing:   "NoAuthenticationInformation",
		another:   "InvalidAuthenticationInfo",
	},
	{
		name:      "Microsoft Graph",
		url:       "https://graph.microsoft.com/v1.0/organization",
		accepted:  []string{"https://graph.microsoft.com", "https://graph.microsoft.com/", "00000003-0000-0000-c000-000000000000"},
		challenge: `Bearer realm="", authorization_uri="https://login.microsoftonline.com/%s/oauth2/authorize", resource="https://graph.microsoft.com"`,
		missing:   "InvalidAuthenticationToken",
		another:   "InvalidAuthenticationToken",
	},
}

func TestAzureAudiences(t *testing.T) {
	testbed.NotShort(t, "tries each audience at each service")
	t.Parallel()
	refused := []string{
		"https://vault.azure.net/", "https://octo.vault.azure.net", "https://other.blob.core.windows.net", "https://management.azure.com//",
		"https://graph.windows.net", "https://storage.azure.com//",
	}
	for _, host := range azureHosts {
		refused = append(refused, host.accepted[0])
	}
	for _, host := range azureHosts {
		t.Run(host.name, func(t *testing.T) {
			c := newCloud(nil)
			job := c.GitHubJob(nil)
			ask := func(audience string) answer {
				token := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), audience+"/.default"))
				r := newRequest(t, http.MethodGet, host.url, token)
				r.Header = mergeHeader(r.Header, host.header)
				return send(t, c, r)
			}
			service := c.Service(host.accepted[0])

			for i, audience := range host.accepted {
				a := ask(audience)
				require.Equal(t, http.StatusOK, a.status, "%s: %s", audience, a.body)
				require.Equal(t, i+1, service.Hits(), "the service counts under all its names")
			}
			n := 0
			for _, audience := range refused {
				if audience == host.accepted[0] {
					continue
				}
				n++
				a := ask(audience)
				require.Equal(t, http.StatusUnauthorized, a.status, audience)
				require.Contains(t, a.body, host.another, audience)
				require.Equal(t, n, service.Refusals())
			}
			require.Equal(t, len(host.accepted)+n, c.Count(azoidctest.Services))

			r := newRequest(t, http.MethodGet, host.url, "")
			a := send(t, c, r)
			require.Equal(t, http.StatusUnauthorized, a.status)
			require.Equal(t, []string{strings.ReplaceAll(host.challenge, "%s", c.TenantID())}, a.header["Www-Authenticate"])
			require.Contains(t, a.body, host.missing)
		})
	}
}

// TestAzureRefusesWhatEnded: tokens that are revoked, that have expired, and what is no token of Entra's.
func TestAzureRefusesWhatEnded(t *testing.T) {
	for _, host := range azureHosts {
		t.Run(host.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCloud(nil)
				job := c.GitHubJob(nil)
				token := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), host.accepted[0]+"/.default"))
				requireRefused := func(token, want string) answer {
					r := newRequest(t, http.MethodGet, host.url, token)
					r.Header = mergeHeader(r.Header, host.header)
					a := send(t, c, r)
					require.Equal(t, http.StatusUnauthorized, a.status)
					require.Contains(t, strings.ToLower(a.body), want)
					return a
				}
				claims := c.Service(host.accepted[0]).Revoke()
				revoked := requireRefused(token, "") // the challenge says it
				require.Contains(t, strings.Join(revoked.header["Www-Authenticate"], ", "),
					`error="insufficient_claims", claims="`+base64.StdEncoding.EncodeToString([]byte(claims))+`"`)
				requireRefused(tamperSignature(t, token), "")
				time.Sleep(2 * time.Hour)
				requireRefused(token, "expir")
			})
		})
	}
}

func mergeHeader(header, more http.Header) http.Header {
	for name, values := range more {
		header[name] = values
	}
	return header
}

// TestAzureServicesAreOne whatever audience they are asked for by.
func TestAzureServicesAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		core, azure := c.Service("https://management.core.windows.net/"), c.Service("https://management.azure.com")
		require.Equal(t, "https://management.core.windows.net//.default", core.Scope)
		require.Equal(t, "https://management.azure.com/.default", azure.Scope)
		require.Equal(t, "https://management.azure.com", azure.URL)
		token := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), core.Scope))
		const subscriptions = "https://management.azure.com/subscriptions?api-version=2022-12-01"
		require.Equal(t, http.StatusOK, get(t, c, subscriptions, token).status)
		require.Equal(t, 1, core.Hits())

		azure.Handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
		require.Equal(t, http.StatusTeapot, get(t, c, subscriptions, token).status)
		azure.Handle(nil)
		require.Equal(t, http.StatusOK, get(t, c, subscriptions, token).status)

		core.Revoke()
		a := get(t, c, subscriptions, token)
		require.Equal(t, http.StatusUnauthorized, a.status)
		require.Contains(t, a.header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`)
		require.Equal(t, 1, azure.Refusals())

		time.Sleep(2 * time.Hour)
		require.Contains(t, get(t, c, subscriptions, token).body, "ExpiredAuthenticationToken")
	})
}

// TestAzureInAllClouds asks at the hosts of each cloud, with a token for its audience and with the public cloud's.
func TestAzureInAllClouds(t *testing.T) {
	t.Parallel()
	for authority, hosts := range map[string]map[string]string{ // hosts and audiences
		"https://login.microsoftonline.us": {
			"https://management.usgovcloudapi.net/subscriptions?api-version=2022-12-01": "https://management.core.usgovcloudapi.net/",
			"https://octo.vault.usgovcloudapi.net/secrets?api-version=7.5":              "https://vault.usgovcloudapi.net",
			"https://graph.microsoft.us/v1.0/organization":                              "https://graph.microsoft.us",
		},
		"https://login.partner.microsoftonline.cn": {
			"https://management.chinacloudapi.cn/subscriptions?api-version=2022-12-01": "https://management.core.chinacloudapi.cn/",
			"https://octo.vault.azure.cn/secrets?api-version=7.5":                      "https://vault.azure.cn",
			"https://microsoftgraph.chinacloudapi.cn/v1.0/organization":                "https://microsoftgraph.chinacloudapi.cn",
		},
	} {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		for url, audience := range hosts {
			for wanted, asked := range map[int]string{http.StatusOK: audience, http.StatusUnauthorized: "https://vault.azure.net"} {
				token := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), asked+"/.default"))
				a := get(t, c, url, token)
				require.Equal(t, wanted, a.status, "%s: %s", url, a.body)
				if wanted == http.StatusUnauthorized {
					require.Contains(t, a.header.Get("WWW-Authenticate"), authority+"/"+c.TenantID())
				}
			}
		}
	}
}

// azureClient sends requests to one service with a token for it.
type azureClient struct {
	t     *testing.T
	cloud *azoidctest.Cloud
	url   string
	token string
}

func newAzureClient(t *testing.T, c *azoidctest.Cloud, url, scope string) azureClient {
	job := c.GitHubJob(nil)
	return azureClient{t, c, url, accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), scope))}
}

func (a azureClient) send(method, path, body string, header ...string) answer {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	require.NoError(a.t, err)
	r.Header.Set("Authorization", "Bearer "+a.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return send(a.t, a.cloud, r)
}

func TestResourceGroups(t *testing.T) {
	c := newCloud(nil)
	m := newAzureClient(t, c, "https://management.azure.com", "https://management.azure.com/.default")
	const version = "?api-version=2024-03-01"
	subscription := "/subscriptions/" + c.SubscriptionID()
	a := m.send(http.MethodGet, "/subscriptions"+version, "")
	require.Contains(t, a.body, `"subscriptionId":"`+c.SubscriptionID()+`"`)
	require.Equal(t, c.TenantID(), m.send(http.MethodGet, subscription+version, "").json["tenantId"])
	require.Equal(t, []any{}, m.send(http.MethodGet, subscription+"/resourcegroups"+version, "").json["value"])

	group := subscription + "/resourceGroups/Octo" + version
	require.Equal(t, 404, m.send(http.MethodHead, group, "").status)
	require.Contains(t, m.send(http.MethodGet, group, "").body, "ResourceGroupNotFound")
	require.Contains(t, m.send(http.MethodPut, group, `{}`).body, "LocationRequired")
	require.Contains(t, m.send(http.MethodPut, group, `{`).body, "InvalidRequestContent")
	require.Equal(t, 201, m.send(http.MethodPut, group, `{"location":"westeurope"}`).status)
	a = m.send(http.MethodPut, group, `{"location":"westeurope","tags":{"octo":"cat"}}`)
	require.Equal(t, 200, a.status)
	require.Equal(t, "Octo", a.json["name"])
	require.Equal(t, subscription+"/resourceGroups/Octo", a.json["id"])
	require.Equal(t, map[string]any{"provisioningState": "Succeeded"}, a.json["properties"])
	require.Equal(t, 409, m.send(http.MethodPut, group, `{"location":"northeurope"}`).status)
	require.Equal(t, map[string]any{"octo": "cat"}, m.send(http.MethodGet, strings.ToLower(group), "").json["tags"])
	require.Equal(t, 204, m.send(http.MethodHead, group, "").status)
	require.Len(t, m.send(http.MethodGet, subscription+"/resourcegroups"+version, "").json["value"], 1)
	require.Equal(t, 200, m.send(http.MethodDelete, group, "").status)
	require.Equal(t, 404, m.send(http.MethodGet, group, "").status)

	require.Contains(t, m.send(http.MethodGet, "/subscriptions", "").body, "MissingApiVersionParameter")
	require.Contains(t, m.send(http.MethodGet, "/subscriptions/00000000-0000-0000-0000-000000000001"+version, "").body, "SubscriptionNotFound")
	for _, unmodelled := range []string{group + "/x", "/providers" + version, subscription + "/providers" + version} {
		a := m.send(http.MethodGet, strings.Replace(unmodelled, version+"/x", "/providers/x"+version, 1), "")
		require.Equal(t, 501, a.status, unmodelled)
		require.Contains(t, a.body, "azoidctest's Resource Manager doesn't answer GET /")
	}
	require.Equal(t, 501, m.send(http.MethodPost, "/subscriptions"+version, "").status)
	require.Equal(t, c.ClientID(), m.send(http.MethodGet, "", "").json["appid"], "the root tells the caller")
}

func TestSecrets(t *testing.T) {
	c := newCloud(nil)
	v := newAzureClient(t, c, "https://octo.vault.azure.net", "https://vault.azure.net/.default")
	const version = "?api-version=7.5"
	require.Contains(t, v.send(http.MethodGet, "/secrets/octo/"+version, "").body, "SecretNotFound")
	require.Equal(t, 400, v.send(http.MethodPut, "/secrets/octo"+version, `{}`).status)
	require.Equal(t, 400, v.send(http.MethodPut, "/secrets/oc_to"+version, `{"value":"a"}`).status)
	require.Equal(t, 400, v.send(http.MethodGet, "/secrets", "").status)
	first := v.send(http.MethodPut, "/secrets/octo"+version, `{"value":"a","contentType":"text/plain","tags":{"octo":"cat"}}`)
	require.Equal(t, 200, first.status)
	require.Regexp(t, `^https://octo\.vault\.azure\.net/secrets/octo/[0-9a-f]{32}$`, first.json["id"])
	require.Equal(t, 200, v.send(http.MethodPut, "/secrets/octo"+version, `{"value":"b"}`).status)

	require.Equal(t, "b", v.send(http.MethodGet, "/secrets/octo/"+version, "").json["value"])
	id, _ := first.json["id"].(string)
	old := v.send(http.MethodGet, strings.TrimPrefix(id, v.url)+version, "")
	require.Equal(t, "a", old.json["value"])
	require.Equal(t, map[string]any{"octo": "cat"}, old.json["tags"])
	list := v.send(http.MethodGet, "/secrets"+version, "")
	require.Contains(t, list.body, `"id":"https://octo.vault.azure.net/secrets/octo"`)
	require.NotContains(t, list.body, `"value":"b"`)
	other := azureClient{t, c, "https://other.vault.azure.net", v.token}
	require.Equal(t, 404, other.send(http.MethodGet, "/secrets/octo"+version, "").status, "another vault")
	require.Equal(t, 501, v.send(http.MethodDelete, "/secrets/octo"+version, "").status)
	for _, path := range []string{"/keys", "/secrets/octo/0/1"} {
		require.Equal(t, 501, v.send(http.MethodGet, path+version, "").status, path)
	}
}

func TestBlobs(t *testing.T) {
	c := newCloud(nil)
	b := newAzureClient(t, c, "https://octo.blob.core.windows.net", "https://storage.azure.com/.default")
	version := []string{"x-ms-version", "2021-12-02"}
	block := append([]string{"x-ms-blob-type", "BlockBlob", "x-ms-blob-content-type", "text/plain"}, version...)
	require.Equal(t, "InvalidHeaderValue", b.send(http.MethodPut, "/c?restype=container", "").header.Get("x-ms-error-code"))
	require.Equal(t, 400, b.send(http.MethodPut, "/c?restype=container", "", "x-ms-version", "2017-07-29").status)
	require.Equal(t, "ContainerNotFound", b.send(http.MethodPut, "/c/a", "content", block...).header.Get("x-ms-error-code"))
	require.Equal(t, 201, b.send(http.MethodPut, "/c?restype=container", "", version...).status)
	require.Equal(t, 409, b.send(http.MethodPut, "/c?restype=container", "", version...).status)
	require.Equal(t, "BlobNotFound", b.send(http.MethodGet, "/c/d/a", "", version...).header.Get("x-ms-error-code"))
	put := b.send(http.MethodPut, "/c/d/a", "content", block...)
	require.Equal(t, 201, put.status)
	require.Equal(t, 201, b.send(http.MethodPut, "/c/e", "", block...).status)

	a := b.send(http.MethodGet, "/c/d/a", "", version...)
	require.Equal(t, "content", a.body)
	require.Equal(t, "text/plain", a.header.Get("Content-Type"))
	require.Equal(t, put.header.Get("ETag"), a.header.Get("ETag"))
	require.Regexp(t, `^[0-9a-f-]{36}$`, a.header.Get("x-ms-request-id"))
	require.NotEqual(t, put.header.Get("x-ms-request-id"), a.header.Get("x-ms-request-id"))
	a = b.send(http.MethodGet, "/c/d/a", "", append([]string{"x-ms-range", "bytes=1-3"}, version...)...)
	require.Equal(t, 206, a.status)
	require.Equal(t, "ont", a.body)
	head := b.send(http.MethodHead, "/c/d/a", "", version...)
	require.Equal(t, "7", head.header.Get("Content-Length"))

	list := b.send(http.MethodGet, "/c?restype=container&comp=list", "", version...)
	require.Contains(t, list.body, "<Name>d/a</Name><Properties>")
	require.Contains(t, list.body, "<Name>e</Name>")
	list = b.send(http.MethodGet, "/c?restype=container&comp=list&prefix=d%2F", "", version...)
	require.Contains(t, list.body, "<Content-Length>7</Content-Length>")
	require.NotContains(t, list.body, "<Name>e</Name>")
	for _, path := range []string{"/c/e?comp=blocklist", "/c?restype=container&comp=list&delimiter=/", "/c"} {
		require.Equal(t, 501, b.send(http.MethodGet, path, "", version...).status, path)
	}
	require.Equal(t, 501, b.send(http.MethodPut, "/c/page", "", append([]string{"x-ms-blob-type", "PageBlob"}, version...)...).status)
	other := azureClient{t, c, "https://other.blob.core.windows.net", b.token}
	require.Equal(t, 404, other.send(http.MethodGet, "/c/e", "", version...).status, "another account")
}

func TestGraph(t *testing.T) {
	c := newCloud(nil)
	g := newAzureClient(t, c, "https://graph.microsoft.com", "https://graph.microsoft.com/.default")
	var organizations struct{ Value []struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(g.send(http.MethodGet, "/v1.0/organization", "").body), &organizations))
	require.Equal(t, c.TenantID(), organizations.Value[0].ID)
	require.Equal(t, 501, g.send(http.MethodGet, "/v1.0/users", "").status)
	require.Equal(t, 501, g.send(http.MethodPost, "/v1.0/organization", "").status)
}

// TestReadingABlobHoldsNobodyUp: a client may leave an answer unread for as long as it wants.
func TestReadingABlobHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		b := newAzureClient(t, c, "https://octo.blob.core.windows.net", "https://storage.azure.com/.default")
		version := []string{"x-ms-version", "2021-12-02", "x-ms-blob-type", "BlockBlob"}
		b.send(http.MethodPut, "/c?restype=container", "", version...)
		require.Equal(t, 201, b.send(http.MethodPut, "/c/large", strings.Repeat("octocat", 1<<17), version...).status)
		r := newRequest(t, http.MethodGet, b.url+"/c/large", b.token)
		r.Header.Set("x-ms-version", "2021-12-02")
		response, err := c.Do(r)
		require.NoError(t, err)
		require.Equal(t, 201, b.send(http.MethodPut, "/c/small", "octocat", version...).status)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Len(t, content, 7<<17)
		require.NoError(t, response.Body.Close())
	})
}
