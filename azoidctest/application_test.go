package azoidctest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// TestTrustRefusesWhatGraphRefuses, see
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations.
func TestTrustRefusesWhatGraphRefuses(t *testing.T) {
	good := azoidctest.FederatedCredential{Issuer: "https://octo.example", Subject: "octo", Audience: "api://octo"}
	for name, change := range map[string]func(*azoidctest.FederatedCredential){
		"no issuer":        func(f *azoidctest.FederatedCredential) { f.Issuer = "" },
		"no subject":       func(f *azoidctest.FederatedCredential) { f.Subject = "" },
		"no audience":      func(f *azoidctest.FederatedCredential) { f.Audience = "" },
		"white space":      func(f *azoidctest.FederatedCredential) { f.Subject += " " },
		"long subject":     func(f *azoidctest.FederatedCredential) { f.Subject = strings.Repeat("o", 601) },
		"another audience": func(f *azoidctest.FederatedCredential) { f.Audience = "api://cat" },
	} {
		app := newCloud(nil).Application()
		app.Trust(good)
		app.Trust(good) // changes nothing
		bad := good
		change(&bad)
		require.Panics(t, func() { app.Trust(bad) }, name)
	}
	app := newCloud(nil).Application()
	for i := range 20 {
		app.Trust(azoidctest.FederatedCredential{Issuer: "https://octo.example", Subject: fmt.Sprint(i), Audience: "api://octo"})
	}
	require.Panics(t, func() { app.Trust(good) }, "the 21st")
	app.Distrust()
	app.Trust(good)
}

// TestTrustAgain: of two times from which a credential works, the earlier counts.
func TestTrustAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, delays := range [][2]time.Duration{{time.Hour, time.Minute}, {time.Minute, time.Hour}} {
			c := newCloud(nil)
			job := c.GitHubJob(&azoidctest.GitHubJobOptions{EffectiveAfter: delays[0]})
			c.Application().Trust(azoidctest.FederatedCredential{Issuer: job.Issuer, Subject: job.Subject, Audience: job.Audience, EffectiveAfter: delays[1]})
			ask := func() answer { return exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default") }
			requireRefusal(t, ask(), 70021, 400, "invalid_request")
			time.Sleep(time.Minute)
			accessToken(t, ask())
		}
	})
}

// TestRefusals presents one wrong thing at a time.
func TestRefusals(t *testing.T) {
	t.Parallel()
	type state struct {
		cloud     *azoidctest.Cloud
		job       *azoidctest.GitHubJob
		tenant    string
		assertion func(t *testing.T) string
		form      url.Values // overrides
	}
	trust := func(change func(*azoidctest.FederatedCredential)) func(*testing.T, *state) {
		return func(_ *testing.T, s *state) {
			f := azoidctest.FederatedCredential{Issuer: s.job.Issuer, Subject: s.job.Subject, Audience: s.job.Audience}
			change(&f)
			s.cloud.Application().Distrust()
			s.cloud.Application().Trust(f)
		}
	}
	form := func(name string, values ...string) func(*testing.T, *state) {
		return func(_ *testing.T, s *state) { s.form = url.Values{name: values} }
	}
	alter := func(change func(t *testing.T, token string) string) func(*testing.T, *state) {
		return func(_ *testing.T, s *state) {
			issue := s.assertion
			s.assertion = func(t *testing.T) string { return change(t, issue(t)) }
		}
	}
	tests := []struct {
		name   string
		change func(*testing.T, *state)
		code   int
		status int
		kind   string
		text   string // in the description
	}{
		{"issuer", trust(func(f *azoidctest.FederatedCredential) { f.Issuer += "/octo-org" }), 700211, 401, "invalid_client", "assertion issuer 'https://token.actions.githubusercontent.com'"},
		{"issuer with a slash", trust(func(f *azoidctest.FederatedCredential) { f.Issuer += "/" }), 700211, 401, "invalid_client", "assertion issuer"},
		{"subject", trust(func(f *azoidctest.FederatedCredential) { f.Subject += "2" }), 700213, 401, "invalid_client", "assertion subject 'repo:octo-org/octo-repo:ref:refs/heads/main'. Check your federated"},
		{"subject's case", trust(func(f *azoidctest.FederatedCredential) { f.Subject = strings.ToUpper(f.Subject) }), 7002138, 401, "invalid_client", "letter case"},
		{"audience", trust(func(f *azoidctest.FederatedCredential) { f.Audience += "USGov" }), 700212, 401, "invalid_client", "assertion audience 'api://AzureADTokenExchange'"},
		{"audience's case", trust(func(f *azoidctest.FederatedCredential) { f.Audience = strings.ToLower(f.Audience) }), 700212, 401, "invalid_client", "audience"},
		{"not yet in force", trust(func(f *azoidctest.FederatedCredential) { f.EffectiveAfter = time.Hour }), 70021, 400, "invalid_request", "No matching federated identity record"},
		{"no credential", func(_ *testing.T, s *state) { s.cloud.Application().Distrust() }, 70025, 401, "invalid_client", "no configured federated identity credentials"},
		{"signature", alter(tamperSignature), 700027, 401, "invalid_client", "signature"},
		{"claims", alter(tamperClaims), 700027, 401, "invalid_client", "signature"},
		{"unsigned", alter(unsign), 700027, 401, "invalid_client", "signature"},
		{"key", alter(renameKey), 700027, 401, "invalid_client", "key was not found"},
		{"no JWT", alter(func(*testing.T, string) string { return "octocat" }), 50027, 400, "invalid_request", "malformed"},
		{"cut off", alter(func(_ *testing.T, token string) string { return token[:strings.LastIndexByte(token, '.')] }), 50027, 400, "invalid_request", "malformed"},
		{"no assertion", form("client_assertion"), 7000216, 401, "invalid_client", "client_assertion"},
		{"secret", func(_ *testing.T, s *state) { s.form = url.Values{"client_assertion": nil, "client_secret": {"?"}} }, 7000215, 401, "invalid_client", "secret"},
		{"assertion type", form("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), 900144, 400, "invalid_request", "client_assertion_type"},
		{"grant type", form("grant_type", "password"), 70003, 400, "unsupported_grant_type", "password"},
		{"no grant type", form("grant_type"), 900144, 400, "invalid_request", "grant_type"},
		{"no client", form("client_id"), 900144, 400, "invalid_request", "client_id"},
		{"client", form("client_id", "00000000-0000-0000-0000-00000000abcd"), 700016, 400, "unauthorized_client", "00000000-0000-0000-0000-00000000abcd"},
		{"public client", func(_ *testing.T, s *state) { s.cloud.Application().SetPublic(true) }, 700025, 401, "invalid_client", "public"},
		{"tenant", func(_ *testing.T, s *state) { s.tenant = "00000000-0000-0000-0000-00000000abcd" }, 90002, 400, "invalid_request", "not found"},
		{"domain", func(_ *testing.T, s *state) { s.tenant = "octo.example" }, 90002, 400, "invalid_request", "'octo.example'"},
		{"malformed tenant", func(_ *testing.T, s *state) { s.tenant = "octo" }, 900023, 400, "invalid_request", "'octo'"},
		{"resource", form("resource", vault), 901002, 400, "invalid_request", "resource"},
		{"resource that is no URI", form("scope", "vault/.default"), 500011, 400, "invalid_resource", "vault"},
		{"GUID as audience", trust(func(f *azoidctest.FederatedCredential) { f.Audience = "fb60f99c-7a34-4190-8149-302f77469936" }), 700214, 400, "invalid_request", "must be 'api://AzureADTokenExchange'"},
		{"no scope", form("scope"), 900144, 400, "invalid_request", "scope"},
		{"scope without .default", form("scope", vault+"/read"), 1002012, 400, "invalid_scope", vault + "/read"},
		{"scope without resource", form("scope", "/.default"), 70011, 400, "invalid_scope", "/.default"},
		{"only OpenID scopes", form("scope", "openid profile"), 70011, 400, "invalid_scope", "openid"},
		{"two resources", form("scope", vault+"/.default https://storage.azure.com/.default"), 70011, 400, "invalid_scope", "storage"},
		{"claims parameter", form("claims", "{"), 50148, 400, "invalid_request", "JSON"},
		{"issuer unreachable", func(_ *testing.T, s *state) { s.cloud.Fail(azoidctest.IssuerDocuments, azoidctest.Drop()) }, 50166, 400, "invalid_request", "External OIDC endpoint"},
		{"issuer's documents", func(_ *testing.T, s *state) {
			s.cloud.Fail(azoidctest.IssuerDocuments, azoidctest.Status(200, nil, `{"issuer":"https://evil.example"}`))
		}, 50166, 400, "invalid_request", "External OIDC endpoint"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(nil)
			s := &state{cloud: c, job: c.GitHubJob(nil), tenant: c.TenantID()}
			s.assertion = func(t *testing.T) string { return gitHubToken(t, c, s.job, s.job.Audience) }
			accessToken(t, exchange(t, c, s.assertion(t), vault+"/.default")) // the unchanged request is right
			c.Reset()

			test.change(t, s)
			sent := tokenForm(c, s.assertion(t), vault+"/.default")
			for name, values := range s.form {
				sent[name] = values
			}
			a := post(t, c, s.tenant, sent)

			requireRefusal(t, a, test.code, test.status, test.kind)
			require.Contains(t, a.json["error_description"], test.text)
			require.Regexp(t, `^AADSTS\d+: .* Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$`, a.json["error_description"])
			record := c.Requests(azoidctest.EntraToken)[0]
			require.Equal(t, test.status, record.Status)
			require.Equal(t, strings.SplitN(a.json["error_description"].(string), ":", 2)[0], record.Code)
		})
	}
}

func tamperSignature(t *testing.T, token string) string {
	parts := strings.Split(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	signature[0] ^= 1
	parts[2] = base64.RawURLEncoding.EncodeToString(signature)
	return strings.Join(parts, ".")
}

func tamperClaims(t *testing.T, token string) string {
	parts := strings.Split(token, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(claims), `"run_attempt":"1"`, `"run_attempt":"2"`, 1)))
	require.NotEqual(t, token, strings.Join(parts, "."))
	return strings.Join(parts, ".")
}

func unsign(t *testing.T, token string) string {
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	require.NoError(t, err)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	return unsigned
}

func renameKey(t *testing.T, token string) string {
	_, rest, _ := strings.Cut(token, ".")
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"octocat"}`))
	return header + "." + rest
}

func TestAssertionOfAnotherIssuersKey(t *testing.T) {
	t.Parallel()
	c := newCloud(nil)
	job := c.PipelinesJob(nil) // its issuer is trusted, its key isn't GitHub's
	c.Application().Trust(azoidctest.FederatedCredential{Issuer: "https://token.actions.githubusercontent.com", Subject: job.Subject, Audience: job.Audience})
	c.GitHubJob(nil)
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(pipelinesToken(t, c, job), claims)
	require.NoError(t, err)
	claims["iss"] = "https://token.actions.githubusercontent.com"
	signing, err := token.SigningString()
	require.NoError(t, err)

	requireRefusal(t, exchange(t, c, signing+"."+base64.RawURLEncoding.EncodeToString(token.Signature), vault+"/.default"), 700027, 401, "invalid_client")
}

func TestAssertionTimes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		options   azoidctest.Options
		wait      time.Duration // from the issue of the assertion
		wantError bool
	}{
		{"new", azoidctest.Options{}, 0, false},
		{"last moment of the tolerance", azoidctest.Options{}, 10*time.Minute - 1, false},
		{"end of the tolerance", azoidctest.Options{}, 10 * time.Minute, true},
		{"no tolerance, last moment", azoidctest.Options{ClockTolerance: -1}, 5*time.Minute - 1, false},
		{"no tolerance, end", azoidctest.Options{ClockTolerance: -1}, 5 * time.Minute, true},
		{"other tolerance", azoidctest.Options{ClockTolerance: time.Second}, 5*time.Minute + time.Second, true},
		{"lifetime, last moment", azoidctest.Options{ClockTolerance: -1, AssertionLifetime: 3 * time.Second}, 3*time.Second - 1, false},
		{"lifetime, end", azoidctest.Options{ClockTolerance: -1, AssertionLifetime: 3 * time.Second}, 3 * time.Second, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCloud(&test.options)
				job := c.GitHubJob(nil)
				token := gitHubToken(t, c, job, job.Audience)
				time.Sleep(test.wait)
				a := exchange(t, c, token, vault+"/.default")
				if !test.wantError {
					accessToken(t, a)
					return
				}
				requireRefusal(t, a, 700024, http.StatusUnauthorized, "invalid_client")
				require.Regexp(t, `AADSTS700024: Client assertion is not within its valid time range. Current time: 2000-01-01T00:\d\d:\d\d.\d{7}Z, assertion valid from `+
					`1999-12-31T23:55:00.0000000Z, expiry time of assertion 2000-01-01T00:0[05]:0[03].0000000Z.`, a.json["error_description"])
			})
		})
	}
}

// TestEntrasOwnAssertions name the application that the federated credential's audience is the URI of. Which URI, the cloud
// decides whose Entra is asked.
func TestEntrasOwnAssertions(t *testing.T) {
	t.Parallel()
	const id = "fb60f99c-7a34-4190-8149-302f77469936"
	for authority, exchangeAudience := range map[string]string{
		"https://login.microsoftonline.com/":        "api://AzureADTokenExchange",
		"https://eastus.login.microsoft.com/":       "api://AzureADTokenExchange",
		"https://login.microsoftonline.us/":         "api://AzureADTokenExchangeUSGov",
		"https://login.partner.microsoftonline.cn/": "api://AzureADTokenExchangeChina",
	} {
		for _, audience := range []string{
			"api://AzureADTokenExchange", "api://AzureADTokenExchangeUSGov", "api://AzureADTokenExchangeChina", id, "api://octo",
		} {
			c := newCloud(nil)
			job := c.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection, Untrusted: true})
			c.Application().Trust(azoidctest.FederatedCredential{Issuer: job.Issuer, Subject: job.Subject, Audience: audience})
			token := pipelinesToken(t, c, job)
			require.Equal(t, []string{id}, c.Requests(azoidctest.AzureDevOpsOIDC)[0].Assertion.Audience)

			a := postTo(t, c, authority+c.TenantID()+"/oauth2/v2.0/token", tokenForm(c, token, vault+"/.default"))

			if audience == exchangeAudience {
				accessToken(t, a)
				continue
			}
			requireRefusal(t, a, 700214, 400, "invalid_request")
			require.Contains(t, a.json["error_description"], "must be '"+exchangeAudience+"'")
		}
	}
}

// TestEntrasIDIsNobodyElses: only for Entra's own assertions its application ID and the URI mean the same.
func TestEntrasIDIsNobodyElses(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	token := gitHubToken(t, c, job, "fb60f99c-7a34-4190-8149-302f77469936")
	requireRefusal(t, exchange(t, c, token, vault+"/.default"), 700212, 401, "invalid_client")
}

func TestSetClockTolerance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		token := gitHubToken(t, c, job, job.Audience)
		time.Sleep(6 * time.Minute)
		accessToken(t, exchange(t, c, token, vault+"/.default"))
		c.SetClockTolerance(-1)
		requireRefusal(t, exchange(t, c, token, vault+"/.default"), 700024, 401, "invalid_client")
	})
}

func TestReplicationDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job := c.GitHubJob(&azoidctest.GitHubJobOptions{EffectiveAfter: 2 * time.Minute})
		requireRefusal(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"), 70021, 400, "invalid_request")
		time.Sleep(2 * time.Minute)
		accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default"))
	})
}

// FuzzAssertion presents what no issuer signed: it is always refused, in Entra's form.
func FuzzAssertion(f *testing.F) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"octocat"}`))
	for _, claims := range []string{
		`{"iss":"` + job.Issuer + `","sub":"` + job.Subject + `","aud":"` + job.Audience + `"}`,
		`{"iss":1,"exp":"octocat","aud":{}}`, `[]`, `null`, `{"iss":"https://evil.example/","exp":1e300}`,
	} {
		f.Add(header + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".AAAA")
	}
	f.Add("..")
	f.Fuzz(func(t *testing.T, assertion string) {
		defer c.Reset()
		a := exchange(t, c, assertion, vault+"/.default")
		require.GreaterOrEqual(t, a.status, http.StatusBadRequest)
		require.Regexp(t, `^AADSTS\d+: `, a.json["error_description"])
		for _, read := range c.Requests(azoidctest.IssuerDocuments) {
			require.Contains(t, read.URL, job.Issuer, "only trusted issuers are read from")
		}
	})
}
