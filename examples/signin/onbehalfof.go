package main

import (
	"crypto/sha256"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/azoidc/azoidc"
)

// serve is a web server that calls Microsoft Graph as each of its users, of whatever tenant. A credential is for one user: the
// server holds one for each user's token, while that lives. It proves who it is itself by its workload identity.
func serve() error {
	application := azoidc.FileAssertion(os.Getenv("AZURE_FEDERATED_TOKEN_FILE"))
	return http.ListenAndServe("127.0.0.1:8080", &server{application: application})
}

type server struct {
	application azoidc.AssertionFunc
	options     *azoidc.OnBehalfOfCredentialOptions
	users       sync.Map // *azoidc.OnBehalfOfCredential by the SHA-256 of the user's token
}

// ServeHTTP stands behind middleware that has verified the user's token: signature, issuer, audience and times.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cred, err := s.credential(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err == nil { // what a client of Microsoft Graph would do with cred:
		_, err = cred.GetToken(r.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/User.Read"}})
	}
	if err != nil {
		log.Print(err)
		http.Error(w, "Microsoft Graph isn't available on your behalf", http.StatusBadGateway)
	}
}

// credential is the same for all requests with the same token, so that they share what it holds.
func (s *server) credential(userToken string) (*azoidc.OnBehalfOfCredential, error) {
	key := sha256.Sum256([]byte(userToken))
	if held, ok := s.users.Load(key); ok {
		return held.(*azoidc.OnBehalfOfCredential), nil
	}
	claims, err := azoidc.ParseClaims(userToken)
	if err != nil {
		return nil, err
	}
	tenantID := strings.Split(claims.Issuer+"///", "/")[3] // https://sts.windows.net/{tenant}/
	cred, err := azoidc.NewOnBehalfOfCredential(tenantID, "", userToken, s.application, s.options)
	if err != nil {
		return nil, err
	}
	held, _ := s.users.LoadOrStore(key, cred)
	time.AfterFunc(time.Until(claims.ExpiresAt), func() { s.users.Delete(key) })
	return held.(*azoidc.OnBehalfOfCredential), nil
}
