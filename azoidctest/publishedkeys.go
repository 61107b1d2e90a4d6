package azoidctest

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

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
