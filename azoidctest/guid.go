package azoidctest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// newGUID makes a random GUID (RFC 9562, version 4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return formatGUID(b, 4)
}

// guidOf returns the GUID (RFC 9562, version 8) that stands for a name, which is the same in every cloud.
func guidOf(name string) string {
	hash := sha256.Sum256([]byte(name))
	return formatGUID([16]byte(hash[:]), 8)
}

func formatGUID(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func parseGUID(s string) (guid [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return guid, false
	}
	n, err := hex.Decode(guid[:], []byte(strings.ReplaceAll(s, "-", "")))
	return guid, err == nil && n == len(guid)
}

// encodedGUID returns the base64url form that Entra uses in federated subjects: .NET's Guid.ToByteArray, whose first three groups
// are little-endian.
func encodedGUID(s string) string {
	g, _ := parseGUID(s)
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return base64.RawURLEncoding.EncodeToString(g[:])
}
