package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
)

const hubID = "12121212-3434-5656-7878-909090909090"

// getJSON makes a request as a command under exec does, and returns the members of the answer.
func getJSON(t *testing.T, address, query string, header http.Header) (status int, members map[string]any) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.RawQuery += "&" + query
	request, err := http.NewRequest(http.MethodGet, u.String(), nil)
	require.NoError(t, err)
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &members), "%s", content)
	return response.StatusCode, members
}

// appOf is the application that an access token of the cloud's is for.
func appOf(t *testing.T, cloud *azoidctest.Server, token any) string {
	t.Helper()
	for _, request := range cloud.Requests(azoidctest.EntraToken) {
		if request.AccessToken != nil && request.AccessToken.Raw == token {
			return request.Assertion.Subject + " as " + request.Form.Get("client_id")
		}
	}
	t.Fatalf("not a token of the cloud's: %v", token)
	return ""
}

func TestExecServesSeveralIdentities(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	hub := cloud.Register(hubID)
	pipelines := cloud.PipelinesJob(nil)
	for name, test := range map[string]struct {
		job      map[string]string
		identity string
		subject  string
	}{
		"GitHub Actions": {cloud.GitHubJob(nil).Env(), "", cloud.GitHubJob(&azoidctest.GitHubJobOptions{Application: hub}).Subject},
		"Azure Pipelines": {pipelines.Env(), ",service-connection=hub-connection",
			cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{SameJob: pipelines, Application: hub, ServiceConnectionID: "hub-connection"}).Subject},
	} {
		t.Run(name, func(t *testing.T) {
			p := inProcess(t, cloud, test.job, "wait", "exec", "-identity", "hub="+hubID+test.identity)
			p.start()
			env := p.environment()
			header := http.Header{"X-Identity-Header": {env.Get("IDENTITY_HEADER")}}
			const query = "api-version=2019-08-01&resource=" + vault
			for _, ask := range []struct {
				address, query string
				header         http.Header
			}{
				{env.Get("IDENTITY_ENDPOINT") + "?", query + "&client_id=" + hubID, header},
				{env.Get("AZOIDC_MSI_ENDPOINT_HUB") + "?", query, nil},
				{env.Get("AZOIDC_MSI_ENDPOINT_HUB") + "?", "api-version=2018-02-01&resource=" + vault, nil},
			} {
				status, answer := getJSON(t, ask.address, ask.query, ask.header)
				require.Equal(t, http.StatusOK, status, answer)
				require.Equal(t, hubID, answer["client_id"])
				require.Equal(t, test.subject+" as "+hubID, appOf(t, cloud, answer["access_token"]))
			}
			status, answer := getJSON(t, env.Get("IDENTITY_ENDPOINT")+"?", query, header)
			require.Equal(t, http.StatusOK, status, answer)
			require.Equal(t, cloud.ClientID(), answer["client_id"])
			status, answer = getJSON(t, env.Get("IDENTITY_ENDPOINT")+"?", query+"&client_id=another", header)
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, answer["message"], "client_id "+cloud.ClientID()+" or hub client_id "+hubID)
			require.NoError(t, p.stdin.Close())
			status, _ = p.wait()
			require.Zero(t, status, p.stderr.String())
		})
	}
}

func TestExecServesAnIdentityOfAnotherTenant(t *testing.T) {
	t.Parallel()
	const another = "99999999-8888-7777-6666-555555555555"
	cloud := newServer(t, &azoidctest.Options{AdditionalTenants: []string{another}})
	p := inProcess(t, cloud, cloud.GitHubJob(nil).Env(), "wait", "exec", "-identity", "spoke="+cloud.ClientID()+",tenant="+another)
	p.start()
	env := p.environment()
	status, answer := getJSON(t, env.Get("AZOIDC_MSI_ENDPOINT_SPOKE")+"?", "api-version=2019-08-01&resource="+vault, nil)
	require.Equal(t, http.StatusOK, status, answer)
	requests := cloud.Requests(azoidctest.EntraToken)
	require.Len(t, requests, 1)
	require.Contains(t, requests[0].URL, another)
	require.NoError(t, p.stdin.Close())
	status, _ = p.wait()
	require.Zero(t, status)
}

// What is wrong with an identity shows before the command runs, and not when an alias first asks, late in the job.
func TestExecPreloadsEachIdentity(t *testing.T) {
	cloud := newCloud(nil)
	job := cloud.GitHubJob(nil)
	exec := func() result {
		return run(t, inJob(cloud, job.Env()), "exec", "-scope", vaultScope, "-identity", "hub="+hubID, "--", "go", "version")
	}
	refused := exec()
	require.Equal(t, exitExecFailed, refused.status)
	require.Contains(t, refused.stderr, "hub: "+vaultScope)
	require.NotContains(t, refused.stderr, "\n"+vaultScope, "the job's own is well")
	require.Empty(t, refused.stdout, "the command wasn't run")

	cloud.GitHubJob(&azoidctest.GitHubJobOptions{Application: cloud.Register(hubID)})
	cloud.Reset()
	require.Zero(t, exec().status)
	var asked []string
	for _, request := range cloud.Requests(azoidctest.EntraToken) {
		asked = append(asked, request.Form.Get("client_id"))
	}
	require.ElementsMatch(t, []string{cloud.ClientID(), hubID}, asked)
}

func TestExecIdentityThatCannotBe(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	for identity, want := range map[string]string{
		"a b=" + hubID:                   "letters, digits, - and _",
		"hub=" + hubID + ",tenant=a/b":   "tenant",
		"##vso[task.x]hub=" + hubID + "": "letters, digits, - and _",
	} {
		r := run(t, inJob(cloud, cloud.GitHubJob(nil).Env()), "exec", "-identity", identity, "--", "go", "version")
		require.Equal(t, exitExecFailed, r.status)
		require.Contains(t, r.stderr, want)
		require.NotContains(t, r.stderr, "##vso[")
		require.Empty(t, r.stdout)
	}
}

// What takes GitHub's OIDC tokens works in both systems, for the audiences that are allowed.
func TestExecRequestEndpoint(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	github, devops := cloud.GitHubJob(nil), cloud.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: azoidctest.NewerConnection})
	for name, test := range map[string]struct {
		job           map[string]string
		subject       string
		choosesOthers bool
	}{
		"GitHub Actions":  {github.Env(), github.Subject, true},
		"Azure Pipelines": {devops.Env(), devops.Subject, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := inProcess(t, cloud, test.job, "wait", "exec", "-request-endpoint", "-allow-audience", "sigstore")
			p.cmd.Env = append(p.cmd.Env, "ARM_USE_OIDC=true")
			p.start()
			env := p.environment()
			require.Equal(t, env.Get("ACTIONS_ID_TOKEN_REQUEST_URL"), env.Get("ARM_OIDC_REQUEST_URL"))
			require.Equal(t, env.Get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), env.Get("ARM_OIDC_REQUEST_TOKEN"))
			require.Equal(t, "true", env.Get("ARM_USE_OIDC"))
			require.NotEqual(t, test.job["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], env.Get("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
			require.Empty(t, env.Get("SYSTEM_ACCESSTOKEN"))
			require.Empty(t, env.Get("SYSTEM_OIDCREQUESTURI"))
			ask := func(audience string) (int, map[string]any) {
				return getJSON(t, env.Get("ACTIONS_ID_TOKEN_REQUEST_URL"), "audience="+url.QueryEscape(audience),
					http.Header{"Authorization": {"Bearer " + env.Get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")}})
			}

			status, answer := ask("api://AzureADTokenExchange")
			require.Equal(t, http.StatusOK, status, answer)
			claims, err := azoidc.ParseClaims(answer["value"].(string))
			require.NoError(t, err)
			require.Equal(t, test.subject, claims.Subject)
			require.EqualValues(t, len(answer["value"].(string)), answer["count"])

			status, answer = ask("sigstore")
			if test.choosesOthers {
				require.Equal(t, http.StatusOK, status, answer)
				claims, err = azoidc.ParseClaims(answer["value"].(string))
				require.NoError(t, err)
				require.Equal(t, []string{"sigstore"}, claims.Audience)
			} else {
				require.Equal(t, http.StatusBadRequest, status, answer)
				require.Contains(t, answer["errorMessage"], "Azure Pipelines has OIDC tokens for the audience ")
				require.Contains(t, answer["errorMessage"], " only, and none for sigstore")
			}
			status, answer = ask("api://another")
			require.Equal(t, http.StatusBadRequest, status, answer)
			require.NoError(t, p.stdin.Close())
			status, _ = p.wait()
			require.Zero(t, status)
		})
	}
}

// start takes exec's flags. What they say of a folder is meant where start is run, though the background is elsewhere.
func TestStartSuppliesWhatExecDoes(t *testing.T) {
	t.Parallel()
	cloud := newServer(t, nil)
	cloud.GitHubJob(&azoidctest.GitHubJobOptions{Application: cloud.Register(hubID)})
	_, file := inOtherCI(t, cloud.Cloud)
	for _, source := range [][]string{{"-assertion-command", printing(filepath.Base(file))}, {"-assertion-file", filepath.Base(file)}} {
		w := newShell(t, cloud)
		delete(w.env, "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
		p := w.process(append([]string{
			"start", "-o=json", "-request-endpoint", "-identity=hub=" + hubID, "-scope=" + vaultScope}, source...)...)
		p.cmd.Dir = filepath.Dir(file)
		status, stdout := p.run()
		require.Zero(t, status, p.stderr.String())
		var given handout
		require.NoError(t, json.Unmarshal([]byte(stdout), &given))

		status, answer := getJSON(t, given.Set["AZOIDC_MSI_ENDPOINT_HUB"]+"?", "api-version=2019-08-01&resource="+vault, nil)
		require.Equal(t, http.StatusOK, status, answer)
		status, answer = getJSON(t, given.Set["ACTIONS_ID_TOKEN_REQUEST_URL"], "audience=api://AzureADTokenExchange",
			http.Header{"Authorization": {"Bearer " + given.Set["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]}})
		require.Equal(t, http.StatusOK, status, answer)

		report := w.status()
		require.Equal(t, source[0], report.CI)
		require.Equal(t, []identity{
			{ClientID: cloud.ClientID(), TenantID: cloud.TenantID()}, {Name: "hub", ClientID: hubID, TenantID: cloud.TenantID()},
		}, report.Identities)
		require.Len(t, report.Tokens, 2)
		require.Equal(t, "hub", report.Tokens[1].Identity)
		require.Contains(t, w.well("status"), " (hub)\n")
		w.well("stop")
	}
}

func TestSecretsInEnvironment(t *testing.T) {
	t.Parallel()
	p := inJob(newCloud(nil), newCloud(nil).GitHubJob(nil).Env())
	l := loginOf(t, p)
	s, err := p.serveEndpoint(t.Context(), l, supplyFlags{requestEndpoint: true, identities: login.Identities{{Name: "hub", ClientID: hubID}}})
	require.NoError(t, err)
	defer s.close()
	for _, name := range []string{"IDENTITY_HEADER", "MSI_SECRET", "AZD_AUTH_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ARM_OIDC_REQUEST_TOKEN"} {
		require.Contains(t, s.secrets, s.env[name], name)
	}
	for _, name := range []string{"ARM_MSI_ENDPOINT", "AZOIDC_MSI_ENDPOINT_HUB"} {
		_, secret, _ := strings.Cut(s.env[name], "/MSI/token/")
		require.Contains(t, s.secrets, secret, name)
	}
	for _, name := range []string{"IDENTITY_ENDPOINT", "AZD_AUTH_ENDPOINT", "ACTIONS_ID_TOKEN_REQUEST_URL"} {
		require.Empty(t, secretPattern.FindString(s.env[name]), name)
	}
}

// Where containers are, their address is the one that all are given; elsewhere the flag says that it's of no use.
func TestStartForContainers(t *testing.T) {
	t.Parallel()
	w := newWorkflow(t, newServer(t, nil))
	w.env["HTTP_PROXY"] = "http://192.0.2.1:1"
	networks, err := containerNetworks()
	if err != nil {
		r := w.step("start", "-container")
		require.Equal(t, exitNotWell, r.status)
		require.Contains(t, r.stderr, "leave the flag out")
		w.requireNothingLeft()
		return
	}
	w.well("start", "-container")
	env := w.exported()
	endpoint, err := url.Parse(env["IDENTITY_ENDPOINT"])
	require.NoError(t, err)
	require.Equal(t, networks[0].Addr().String(), endpoint.Hostname())
	require.Contains(t, env["NO_PROXY"], endpoint.Hostname())
	w.requireServed(env)
	w.well("stop")
}

// A machine's networks of containers are found by their names, Docker's own first, whatever else it is on.
func TestNetworksOf(t *testing.T) {
	t.Parallel()
	address := func(text string) net.Addr {
		ip, network, err := net.ParseCIDR(text)
		require.NoError(t, err)
		return &net.IPNet{IP: ip, Mask: network.Mask}
	}
	of := map[string][]net.Addr{
		"eth0": {address("10.0.0.4/24")}, "br-1234": {address("172.18.0.1/16")}, "podman0": {address("10.88.0.1/16")},
		"docker0": {address("fe80::1/64"), address("172.17.0.1/16"), &net.UnixAddr{Name: "no network"}},
	}
	addresses := func(i *net.Interface) ([]net.Addr, error) { return of[i.Name], nil }
	named := func(names ...string) func() ([]net.Interface, error) {
		var interfaces []net.Interface
		for _, name := range names {
			interfaces = append(interfaces, net.Interface{Name: name})
		}
		return func() ([]net.Interface, error) { return interfaces, nil }
	}
	all := named("lo", "eth0", "podman0", "br-1234", "docker0")
	networks, err := networksOf(all, addresses)
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("172.17.0.1/16"), netip.MustParsePrefix("172.18.0.1/16"), netip.MustParsePrefix("10.88.0.1/16")}, networks)
	_, err = networksOf(named("lo", "eth0"), addresses)
	require.ErrorContains(t, err, "leave the flag out")
	_, err = networksOf(all, func(*net.Interface) ([]net.Addr, error) { return nil, io.ErrUnexpectedEOF })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = networksOf(func() ([]net.Interface, error) { return nil, io.ErrNoProgress }, addresses)
	require.ErrorIs(t, err, io.ErrNoProgress)
}

// What is wrong with the credential is told before the command runs, without a scope, too.
func TestExecWithACredentialThatCannotBe(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	for _, flag := range []string{"-token-file", "-keep-request-token"} {
		r := run(t, inJob(cloud, cloud.GitHubJob(nil).Env()), "exec", flag, "-authority-host=http://login.example", "--", "go", "version")
		require.Equal(t, exitExecFailed, r.status)
		require.Contains(t, r.stderr, "https")
		require.Empty(t, r.stdout)
		require.Empty(t, cloud.Requests())
	}
	r := run(t, inJob(cloud, cloud.GitHubJob(nil).Env()), "token", "-scope", vaultScope, "-authority-host=http://login.example")
	require.Equal(t, exitNotWell, r.status)
	require.Contains(t, r.stderr, "https")
}
