package tokencache

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// A key is what tokens are held by. Claims aren't part of it: a token acquired for a claims challenge replaces the one
// that was challenged.
type key struct {
	scopes   string // sorted, separated by spaces
	tenantID string // "" is the credential's own
	cae      bool
}

func (c *Cache) keyOf(o *policy.TokenRequestOptions) key {
	if len(o.Scopes) == 1 && o.TenantID == "" { // as nearly always
		return key{scopes: o.Scopes[0], cae: o.EnableCAE}
	}
	return c.longKeyOf(o)
}

func (c *Cache) longKeyOf(o *policy.TokenRequestOptions) key {
	k := key{tenantID: o.TenantID, cae: o.EnableCAE}
	if k.tenantID != "" && strings.EqualFold(k.tenantID, c.options.TenantID) {
		k.tenantID = ""
	}
	if len(o.Scopes) == 1 {
		k.scopes = o.Scopes[0]
	} else {
		k.scopes = strings.Join(sorted(o.Scopes), " ")
	}
	return k
}

func sorted(scopes []string) []string {
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

func checkScopes(scopes []string) error {
	if len(scopes) == 0 {
		return errors.New("azoidc: a token request needs at least one scope")
	}
	for _, scope := range scopes {
		if strings.TrimSpace(scope) == "" {
			return fmt.Errorf("azoidc: an empty scope, %q: a scope is a resource with /.default behind it", scope)
		}
	}
	return nil
}

// quoted makes scopes fit for an error.
func quoted(scopes []string) string { return redact.Line(fmt.Sprintf("%q", scopes)) }

// seed keeps those who can choose scopes or tenants from choosing keys that share a bucket.
var seed = maphash.MakeSeed()

// hash is the same for both CAE modes, so that the one is found beside the other.
func (k *key) hash() uint64 {
	h := maphash.String(seed, k.scopes)
	if k.tenantID != "" {
		h = bits.RotateLeft64(h, 32) ^ maphash.String(seed, k.tenantID)
	}
	return h
}
