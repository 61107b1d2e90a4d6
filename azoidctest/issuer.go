package azoidctest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/golang-jwt/jwt/v5"
)

const (
	configurationPath = "/.well-known/openid-configuration"
	keysPath          = "/.well-known/jwks"
)

// ciIssuer is an OIDC issuer of a CI system: a URL, below which its documents are, and a key. Entra's own documents are in
// entra.go.
type ciIssuer struct {
	url string // without a trailing slash
	key *signingKey
}

// issuerOf returns the issuer with this URL. A new one's documents are published from then on.
func (c *Cloud) issuerOf(url, keyOwner string) *ciIssuer {
	url = strings.TrimRight(url, "/")
	key := signingKeyOf(keyOwner, c.options.KeyBits) // outside the lock: it may take a while
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.issuers[url]; ok {
		return known
	}
	made := &ciIssuer{url: url, key: key}
	c.issuers[url] = made
	c.addHost(url, true)
	return made
}

func (i *ciIssuer) serveConfiguration(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.url + keysPath,
		"subject_types_supported":               []string{"public", "pairwise"},
		"response_types_supported":              []string{"id_token"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid"},
		"claims_supported":                      []string{"sub", "aud", "exp", "iat", "iss", "jti", "nbf"},
	})
}

func (i *ciIssuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jwks{Keys: []jwk{i.key.public()}})
}

// signingKey is an issuer's RSA key and its ID.
type signingKey struct {
	private *rsa.PrivateKey
	id      string
}

// signingKeys has one key per owner and size. Keys are made once in a process, when first needed: a test suite makes
// hundreds of clouds. What a cloud trusts is still its own affair: issuers differ in their URLs.
var signingKeys struct {
	sync.Mutex
	made map[string]func() *signingKey
}

func signingKeyOf(owner string, bits int) *signingKey {
	name := fmt.Sprintf("%s/%d", owner, bits)
	signingKeys.Lock()
	key, ok := signingKeys.made[name]
	if !ok {
		if signingKeys.made == nil {
			signingKeys.made = map[string]func() *signingKey{}
		}
		key = sync.OnceValue(func() *signingKey { return newSigningKey(owner, bits) })
		signingKeys.made[name] = key
	}
	signingKeys.Unlock()
	return key()
}

func newSigningKey(owner string, bits int) *signingKey {
	private := newKey(owner, bits)
	thumbprint := sha1.Sum(private.N.Bytes()) // stands for the certificate's, which x5t is (RFC 7515 section 4.1.7)
	return &signingKey{private: private, id: base64.RawURLEncoding.EncodeToString(thumbprint[:])}
}

func newKey(owner string, bits int) *rsa.PrivateKey {
	if key := usualKey(owner); key != nil && bits == usualBits {
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic("azoidctest: Options.KeyBits: " + err.Error())
	}
	return key
}

// sign makes a JWT with the header the real issuers use.
func (k *signingKey) sign(claims jwt.MapClaims) string {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = k.id
	token.Header["x5t"] = k.id
	signed, err := token.SignedString(k.private)
	if err != nil {
		panic("azoidctest: signing: " + err.Error()) // only claims that aren't JSON could do this
	}
	return signed
}

// jwk is an RSA signature key as in RFC 7517 section 4 and RFC 7518 section 6.3.1.
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	ID        string `json:"kid"`
	X5T       string `json:"x5t,omitempty"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

func (k *signingKey) public() jwk {
	return jwk{
		Type: "RSA", Use: "sig", Algorithm: "RS256", ID: k.id, X5T: k.id,
		Modulus:  base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.private.E)).Bytes()),
	}
}

func (k jwk) publicKey() (*rsa.PublicKey, error) {
	n, err := base64.RawURLEncoding.DecodeString(k.Modulus)
	if err != nil {
		return nil, fmt.Errorf("key %q: n: %w", k.ID, err)
	}
	e, err := base64.RawURLEncoding.DecodeString(k.Exponent)
	if err != nil {
		return nil, fmt.Errorf("key %q: e: %w", k.ID, err)
	}
	exponent := new(big.Int).SetBytes(e)
	if k.Type != "RSA" || len(n) == 0 || !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > 1<<31-1 {
		return nil, fmt.Errorf("key %q is no RSA key", k.ID)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())}, nil
}

const (
	maxDocument     = 1 << 20          // bytes of an issuer's document
	documentTimeout = 10 * time.Second // for both of an issuer's documents
)

var errUnknownKey = errors.New("the key was not found")

// publishedKeys finds issuers' public keys as a relying party does: it reads the discovery document, then the JWKS (OpenID
// Connect Discovery 1.0 section 4). It keeps the keys, and reads anew for a key ID that isn't among them. No lock is held
// while it reads.
type publishedKeys struct {
	transport policy.Transporter

	mu   sync.Mutex
	kept map[string]map[string]*rsa.PublicKey // by issuer, then by key ID
}

func (k *publishedKeys) key(ctx context.Context, issuer, id string) (*rsa.PublicKey, error) {
	k.mu.Lock()
	key, ok := k.kept[issuer][id]
	k.mu.Unlock()
	if ok {
		return key, nil
	}
	keys, err := k.read(ctx, issuer)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	if k.kept == nil {
		k.kept = map[string]map[string]*rsa.PublicKey{}
	}
	k.kept[issuer] = keys
	k.mu.Unlock()
	if key, ok = keys[id]; !ok {
		return nil, errUnknownKey
	}
	return key, nil
}

func (k *publishedKeys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = nil
}

func (k *publishedKeys) read(ctx context.Context, issuer string) (map[string]*rsa.PublicKey, error) {
	ctx, cancel := context.WithTimeout(withInternalRead(ctx), documentTimeout)
	defer cancel()
	var configuration struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := k.get(ctx, strings.TrimRight(issuer, "/")+configurationPath, &configuration); err != nil {
		return nil, err
	}
	if configuration.Issuer != issuer {
		return nil, fmt.Errorf("the discovery document of %q names the issuer %q", issuer, configuration.Issuer)
	}
	var set jwks
	if err := k.get(ctx, configuration.KeysURL, &set); err != nil {
		return nil, err
	}
	keys := map[string]*rsa.PublicKey{}
	for _, key := range set.Keys {
		public, err := key.publicKey()
		if err != nil {
			return nil, err
		}
		keys[key.ID] = public
	}
	return keys, nil
}

func (k *publishedKeys) get(ctx context.Context, url string, document any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := k.transport.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxDocument)).Decode(document); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	return nil
}

type internalReadKey struct{}

// withInternalRead marks the requests that Entra and the services make themselves. In memory they aren't delayed, and don't
// count as clients' requests.
func withInternalRead(ctx context.Context) context.Context {
	return context.WithValue(ctx, internalReadKey{}, true)
}

func isInternalRead(ctx context.Context) bool {
	return ctx.Value(internalReadKey{}) != nil
}
