package guides_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// createGroup makes a resource group, as somebody has done before the job.
func (j *job) createGroup(name string) {
	j.t.Helper()
	owner := j.cloud.GitHubJob(&azoidctest.GitHubJobOptions{Environment: "setup"})
	cred, err := azoidc.NewGitHubActionsCredential(j.cloud.TenantID(), j.cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: j.cloud.ClientOptions()},
		RequestURL:        owner.RequestURL, RequestToken: owner.RequestToken,
	})
	require.NoError(j.t, err)
	token, err := cred.GetToken(j.t.Context(), tokenFor(azoidc.ScopeResourceManager))
	require.NoError(j.t, err)
	request, err := http.NewRequestWithContext(j.t.Context(), http.MethodPut, "https://management.azure.com/subscriptions/"+j.cloud.SubscriptionID()+
		"/resourcegroups/"+name+"?api-version=2021-04-01", strings.NewReader(`{"location":"westeurope"}`))
	require.NoError(j.t, err)
	request.Header.Set("Authorization", "Bearer "+token.Token)
	request.Header.Set("Content-Type", "application/json")
	response, err := j.cloud.Client().Do(request)
	require.NoError(j.t, err)
	require.NoError(j.t, response.Body.Close())
	require.Equal(j.t, http.StatusCreated, response.StatusCode)
}

// serveTrust makes the application trust what the stand-in for az is told to create.
func (j *job) serveTrust() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var created struct {
			Name, Issuer, Subject string
			Audiences             []string
		}
		if err := json.NewDecoder(r.Body).Decode(&created); err != nil || created.Name == "" || len(created.Audiences) != 1 {
			http.Error(w, "not a federated identity credential", http.StatusBadRequest)
			return
		}
		j.cloud.Application().Trust(azoidctest.FederatedCredential{Issuer: created.Issuer, Subject: created.Subject, Audience: created.Audiences[0]})
	}))
	j.t.Cleanup(server.Close)
	j.env["TRUST_URL"] = server.URL
}

// A registry is a container registry as far as signing in goes: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md.
type registry struct {
	host    string
	entra   *azoidctest.Service // that judges Microsoft Entra's tokens
	refresh string              // the one refresh token
	pushes  atomic.Int64        // tokens for pushes that were handed out
}

func serveRegistry(cloud *azoidctest.Cloud, host string) *registry {
	g := &registry{host: host, entra: cloud.Service("https://containerregistry.azure.net"), refresh: "refresh." + rand.Text() + ".token"}
	g.entra.Handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/exchange", g.exchange)
	mux.HandleFunc("GET /oauth2/token", g.token)
	mux.HandleFunc("GET /v2/", g.base)
	mux.Handle("GET /stand-in/az-acr-login", g.entra)
	cloud.Handle(host, mux)
	return g
}

// exchange wants a token of Microsoft Entra's for registries.
func (g *registry) exchange(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") != "access_token" || r.PostFormValue("service") != g.host {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusBadRequest)
		return
	}
	presented := r.Clone(r.Context())
	presented.Header.Set("Authorization", "Bearer "+r.PostFormValue("access_token"))
	judged := httptest.NewRecorder()
	g.entra.ServeHTTP(judged, presented)
	if judged.Code != http.StatusOK {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"refresh_token":%q}`, g.refresh)
}

// token is for who has signed in with the refresh token.
func (g *registry) token(w http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	if !ok || user != "00000000-0000-0000-0000-000000000000" || password != g.refresh {
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	if strings.Contains(r.URL.Query().Get("scope"), "push") {
		g.pushes.Add(1)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":"access to %s"}`, g.host)
}

func (g *registry) base(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer access to "+g.host {
		w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="https://%[1]s/oauth2/token",service="%[1]s"`, g.host))
		http.Error(w, `{"errors":[]}`, http.StatusUnauthorized)
	}
}

// serveCluster is the API server of a Kubernetes cluster that signs in with Microsoft Entra. It lists nothing, and says of each
// secret that it keeps it: Helm's releases are secrets.
func serveCluster(cloud *azoidctest.Cloud) *azoidctest.Service {
	// The resource is that of all clusters: https://azure.github.io/kubelogin/concepts/aks.html
	service := cloud.Service(aksServer)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", document(`{"major":"1","minor":"34","gitVersion":"v1.34.0"}`))
	mux.HandleFunc("GET /api", document(`{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}`))
	mux.HandleFunc("GET /apis", document(`{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`))
	mux.HandleFunc("GET /api/v1", document(`{"kind":"APIResourceList","groupVersion":"v1","resources":[
		{"name":"namespaces","singularName":"namespace","namespaced":false,"kind":"Namespace","verbs":["get","list"],"shortNames":["ns"]}]}`))
	mux.HandleFunc("GET /api/v1/namespaces", document(`{"kind":"NamespaceList","apiVersion":"v1","metadata":{},"items":[]}`))
	mux.HandleFunc("GET /api/v1/namespaces/default/secrets", document(`{"kind":"SecretList","apiVersion":"v1","metadata":{},"items":[]}`))
	const kept = `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"sh.helm.release.v1.my-app.v1","namespace":"default"}}`
	mux.HandleFunc("POST /api/v1/namespaces/default/secrets", document(kept))
	mux.HandleFunc("PUT /api/v1/namespaces/default/secrets/{name}", document(kept))
	service.Handle(mux)
	cloud.Handle("my-cluster-dns.hcp.westeurope.azmk8s.io", service)
	return service
}

func document(json string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(json))
	}
}
