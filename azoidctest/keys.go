package azoidctest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey is an issuer's RSA key and its ID.
type signingKey struct {
	private *rsa.PrivateKey
	id      string
}

// signingKeys has one key per owner and size. Keys are made once in a process, when first needed: that takes a tenth of
// a second or more, and a test suite makes hundreds of clouds. What a cloud trusts is still its own affair: issuers
// differ in their URLs.
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
		key = sync.OnceValue(func() *signingKey { return newSigningKey(bits) })
		signingKeys.made[name] = key
	}
	signingKeys.Unlock()
	return key()
}

func newSigningKey(bits int) *signingKey {
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic("azoidctest: Options.KeyBits: " + err.Error())
	}
	thumbprint := sha1.Sum(private.N.Bytes()) // stands for the certificate's, which x5t is (RFC 7515 section 4.1.7)
	return &signingKey{private: private, id: base64.RawURLEncoding.EncodeToString(thumbprint[:])}
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
