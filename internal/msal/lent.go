package msal

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	// maxLent bounds the memory of a credential for ever new requests.
	maxLent = 1000
	// refreshBefore is how long before its end a stored token is to be refreshed: nobody knows how long it has lived.
	refreshBefore = 15 * time.Minute
)

// Lent remembers which tokens of a persistent cache were handed out: who asks again wants another one, while MSAL gives the
// same until five minutes before its end. The zero value is ready, and safe for concurrent use.
type Lent struct {
	mu     sync.Mutex
	hashes map[string][sha256.Size]byte
}

// Note takes note that token is handed out for request, and tells whether it was before.
func (l *Lent) Note(request policy.TokenRequestOptions, token azcore.AccessToken) bool {
	key := fmt.Sprintf("%q %q %t", request.Scopes, request.TenantID, request.EnableCAE)
	hash := sha256.Sum256([]byte(token.Token))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hashes[key] == hash {
		return true
	}
	if l.hashes == nil || len(l.hashes) >= maxLent {
		l.hashes = map[string][sha256.Size]byte{}
	}
	l.hashes[key] = hash
	return false
}

// Due returns a stored token with the time of its refresh, if Entra didn't name one.
func Due(token azcore.AccessToken) azcore.AccessToken {
	if token.RefreshOn.IsZero() {
		token.RefreshOn = token.ExpiresOn.Add(-refreshBefore)
	}
	return token
}
