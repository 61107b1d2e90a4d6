package azoidctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// keyVault keeps secrets, see https://learn.microsoft.com/rest/api/keyvault/secrets. Every name is a vault.
type keyVault struct {
	mu     sync.Mutex
	vaults map[string]map[string][]secret // by host, then by name; the newest version is last
}

type secret struct {
	Value       string            `json:"value,omitempty"`
	ID          string            `json:"id"`
	ContentType string            `json:"contentType,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Attributes  secretAttributes  `json:"attributes"`
}

// secretAttributes has times in seconds since 1970.
type secretAttributes struct {
	Enabled bool   `json:"enabled"`
	Created int64  `json:"created"`
	Updated int64  `json:"updated"`
	Level   string `json:"recoveryLevel"`
}

var secretName = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)

func (c *Cloud) newKeyVault(a *azureCloud) *api {
	const applicationID = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093" // Key Vault's
	v := &keyVault{vaults: map[string]map[string][]secret{}}
	made := c.newAPI(v, vaultTexts, "https://"+a.vault, applicationID)
	made.deny = denyVault
	return made
}

// denyVault challenges as Key Vault does: clients learn tenant and resource from it, see
// https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses.
func denyVault(w http.ResponseWriter, a *api, ch *challenge) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization="%s/%s", resource="%s"`,
		a.authority, a.cloud.options.TenantID, a.audiences[0])+ch.claimsParameters())
	code, text := a.texts(a, ch)
	writeError(w, http.StatusUnauthorized, code, text)
}

// vaultTexts words Key Vault's refusals.
func vaultTexts(a *api, ch *challenge) (code, text string) {
	code = "Unauthorized"
	switch ch.reason {
	case tokenMissing:
		return code, "AKV10000: Request is missing a Bearer or PoP token."
	case tokenForAnother:
		return code, fmt.Sprintf("AKV10022: Invalid audience. Expected %s, found: %s.", strings.Join(a.audiences, " or "), ch.audience)
	case tokenExpired:
		return code, fmt.Sprintf("The token expired at %s.", ch.ended.UTC().Format(time.RFC3339))
	case tokenRevoked:
		return code, "The token has been revoked."
	}
	return code, "Error validating the token."
}

// ServeHTTP answers an admitted request.
func (v *keyVault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("api-version") == "" {
		writeError(w, http.StatusBadRequest, "BadParameter", "The query parameter api-version is missing.")
		return
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if path[0] != "secrets" || len(path) > 3 {
		unmodelled("Key Vault")(w, r)
		return
	}
	host := hostOf(r.Host)
	switch {
	case len(path) == 1 && r.Method == http.MethodGet:
		writeJSON(w, http.StatusOK, map[string]any{"value": v.list(host), "nextLink": nil})
	case len(path) == 2 && r.Method == http.MethodPut:
		v.set(w, r, host, path[1])
	case len(path) >= 2 && r.Method == http.MethodGet:
		v.get(w, host, path[1], path[2:])
	default:
		unmodelled("Key Vault")(w, r)
	}
}

// list returns the newest versions, without their values and without their versions' IDs.
func (v *keyVault) list(host string) []secret {
	v.mu.Lock()
	defer v.mu.Unlock()
	secrets := []secret{}
	for _, name := range slices.Sorted(maps.Keys(v.vaults[host])) {
		versions := v.vaults[host][name]
		newest := versions[len(versions)-1]
		newest.Value, newest.ID = "", "https://"+host+"/secrets/"+name
		secrets = append(secrets, newest)
	}
	return secrets
}

func (v *keyVault) set(w http.ResponseWriter, r *http.Request, host, name string) {
	var wanted struct {
		Value       *string           `json:"value"`
		ContentType string            `json:"contentType"`
		Tags        map[string]string `json:"tags"`
	}
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil || wanted.Value == nil {
		writeError(w, http.StatusBadRequest, "BadParameter", "The request body must have the property value.")
		return
	}
	if !secretName.MatchString(name) {
		writeError(w, http.StatusBadRequest, "BadParameter", "The request URI contains an invalid name: "+name)
		return
	}
	now := time.Now().Unix()
	made := secret{
		Value:       *wanted.Value,
		ID:          "https://" + host + "/secrets/" + name + "/" + strings.ReplaceAll(newGUID(), "-", ""),
		ContentType: wanted.ContentType,
		Tags:        wanted.Tags,
		Attributes:  secretAttributes{Enabled: true, Created: now, Updated: now, Level: "Recoverable+Purgeable"},
	}
	v.add(host, name, made)
	writeJSON(w, http.StatusOK, made)
}

func (v *keyVault) add(host, name string, version secret) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.vaults[host] == nil {
		v.vaults[host] = map[string][]secret{}
	}
	v.vaults[host][name] = append(v.vaults[host][name], version)
}

func (v *keyVault) versions(host, name string) []secret {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.vaults[host][name])
}

// get answers with the version, or with the newest if none is named.
func (v *keyVault) get(w http.ResponseWriter, host, name string, version []string) {
	versions := v.versions(host, name)
	if len(version) == 1 {
		versions = slices.DeleteFunc(versions, func(s secret) bool { return !strings.HasSuffix(s.ID, "/"+version[0]) })
	}
	if len(versions) == 0 {
		writeError(w, http.StatusNotFound, "SecretNotFound", fmt.Sprintf("A secret with (name/id) %s was not found in this key "+
			"vault.", strings.Join(append([]string{name}, version...), "/")))
		return
	}
	writeJSON(w, http.StatusOK, versions[len(versions)-1])
}
