package tokenserver

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// version2025 lets a client answer a claims challenge: it says by xms_cc that it can, and by token_sha256_to_refresh which
// token was revoked. It is in no released client yet (MSAL.js has it for Service Fabric, and pull request 7772 for App
// Service; MSAL.NET 5139): without this file, version2025 goes from checkVersion, and challenge, drop and revoked with it.
// https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/blob/main/docs/msiv1_token_revocation.md
const version2025 = "2025-03-30"

// A challenge is what a request says about claims challenges; nothing in other versions, whose clients have no way to pass
// one on, although some send xms_cc.
type challenge struct {
	answersChallenges bool
	revoked           string // the SHA-256 of a token, in hexadecimal
}

func challengeOf(query url.Values) challenge {
	if query.Get("api-version") != version2025 {
		return challenge{}
	}
	capabilities := strings.Split(query.Get("xms_cc"), ",")
	return challenge{
		answersChallenges: slices.ContainsFunc(capabilities, func(c string) bool { return strings.EqualFold(strings.TrimSpace(c), "cp1") }),
		revoked:           query.Get("token_sha256_to_refresh"),
	}
}

// revokes returns whether token is the one that was revoked. If it isn't, a new one is there already.
func (c challenge) revokes(token azcore.AccessToken) bool {
	return c.revoked != "" && strings.EqualFold(c.revoked, hashOf(token))
}

func hashOf(token azcore.AccessToken) string {
	sum := sha256.Sum256([]byte(token.Token))
	return hex.EncodeToString(sum[:])
}

// revocations makes a credential forget each revoked token once, however many clients report it: the others' reports may
// come when a new token is there.
type revocations struct {
	mu     sync.Mutex
	latest map[held]string // the hash of the last one that was dropped
}

// held is where a credential holds a token.
type held struct {
	identity *identity
	scope    string
}

// drop makes the credential forget its token, if it can, as azoidc.TokenCache can.
func (v *revocations) drop(i *identity, scope string, token azcore.AccessToken) {
	forgetful, ok := i.Credential.(interface{ Invalidate(scopes ...string) })
	if !ok {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if place, hash := (held{i, scope}), hashOf(token); v.latest[place] != hash {
		if v.latest == nil {
			v.latest = map[held]string{}
		}
		v.latest[place] = hash
		forgetful.Invalidate(scope)
	}
}
