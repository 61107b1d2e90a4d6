package azoidctest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// subscriptionID is the ID of the one subscription.
const subscriptionID = "b1c5d9e3-7a2f-4c68-9e04-5d3b7f1a8c26"

// SubscriptionID returns the ID of the one subscription that Resource Manager knows. Every application may do everything in
// it.
func (c *Cloud) SubscriptionID() string { return subscriptionID }

// resourceManager lists the subscription, and keeps its resource groups, see
// https://learn.microsoft.com/rest/api/resources/resource-groups.
type resourceManager struct {
	tenantID string

	mu     sync.Mutex
	groups map[string]resourceGroup // by lower-case name
}

type resourceGroup struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location"`
	Tags       map[string]string `json:"tags,omitempty"`
	Properties struct {
		State string `json:"provisioningState"`
	} `json:"properties"`
}

func (c *Cloud) newResourceManager(a *azureCloud) *api {
	m := &resourceManager{tenantID: c.options.TenantID, groups: map[string]resourceGroup{}}
	return c.newAPI(m, managerTexts, a.managerAudiences...)
}

// managerTexts words the refusals of Resource Manager, and of services that a test has made.
func managerTexts(a *api, ch *challenge) (code, text string) {
	switch ch.reason {
	case tokenMissing:
		return "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
	case tokenExpired:
		return "ExpiredAuthenticationToken", fmt.Sprintf("The access token expiry UTC time '%s' is earlier than current UTC time '%s'.",
			ch.ended.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
	case tokenForAnother:
		return "InvalidAuthenticationTokenAudience", fmt.Sprintf("The access token has been obtained for wrong audience or resource "+
			"'%s'. It should exactly match with one of the allowed audiences '%s'.", ch.audience, strings.Join(a.audiences, "','"))
	case tokenRevoked:
		return "TokenRevoked", "The access token has been revoked."
	}
	return "InvalidAuthenticationToken", "The access token is invalid."
}

// ServeHTTP answers an admitted request. Letter case doesn't count in its path.
func (m *resourceManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("api-version") == "" {
		writeError(w, http.StatusBadRequest, "MissingApiVersionParameter",
			"The api-version query parameter (?api-version=) is required for all requests.")
		return
	}
	path := strings.Split(strings.ToLower(strings.Trim(r.URL.Path, "/")), "/")
	if path[0] != "subscriptions" || len(path) > 2 && path[2] != "resourcegroups" || len(path) > 4 {
		unmodelled("Resource Manager")(w, r)
		return
	}
	if len(path) > 1 && path[1] != subscriptionID {
		writeError(w, http.StatusNotFound, "SubscriptionNotFound", fmt.Sprintf("The subscription '%s' could not be found.", path[1]))
		return
	}
	switch len(path) {
	case 1:
		m.answer(w, r, map[string]any{"value": []any{m.subscription()}, "count": map[string]any{"type": "Total", "value": 1}})
	case 2:
		m.answer(w, r, m.subscription())
	case 3:
		m.answer(w, r, map[string]any{"value": m.all()})
	default:
		m.serveGroup(w, r, path[3])
	}
}

// answer is for what can only be read.
func (m *resourceManager) answer(w http.ResponseWriter, r *http.Request, value any) {
	if r.Method != http.MethodGet {
		unmodelled("Resource Manager")(w, r)
		return
	}
	writeJSON(w, http.StatusOK, value)
}

func (m *resourceManager) subscription() map[string]any {
	return map[string]any{
		"id":                  "/subscriptions/" + subscriptionID,
		"subscriptionId":      subscriptionID,
		"tenantId":            m.tenantID,
		"displayName":         "Octo",
		"state":               "Enabled",
		"authorizationSource": "RoleBased",
	}
}

func (m *resourceManager) all() []resourceGroup {
	m.mu.Lock()
	defer m.mu.Unlock()
	groups := make([]resourceGroup, 0, len(m.groups))
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		groups = append(groups, m.groups[name])
	}
	return groups
}

func (m *resourceManager) serveGroup(w http.ResponseWriter, r *http.Request, key string) {
	group, exists := m.group(key)
	switch {
	case r.Method == http.MethodPut:
		m.put(w, r, key)
	case !exists && r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case !exists:
		writeError(w, http.StatusNotFound, "ResourceGroupNotFound", fmt.Sprintf("Resource group '%s' could not be found.", key))
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet:
		writeJSON(w, http.StatusOK, group)
	case r.Method == http.MethodDelete:
		m.remove(key)
		w.WriteHeader(http.StatusOK)
	default:
		unmodelled("Resource Manager")(w, r)
	}
}

func (m *resourceManager) group(key string) (group resourceGroup, exists bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group, exists = m.groups[key]
	return group, exists
}

func (m *resourceManager) remove(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.groups, key)
}

func (m *resourceManager) put(w http.ResponseWriter, r *http.Request, key string) {
	var wanted resourceGroup
	if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
		writeError(w, http.StatusBadRequest, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
		return
	}
	if wanted.Location == "" {
		writeError(w, http.StatusBadRequest, "LocationRequired", "The location property is required for this definition.")
		return
	}
	name := strings.Trim(r.URL.Path, "/")
	wanted.Name = name[strings.LastIndexByte(name, '/')+1:]
	group, made := m.createOrUpdate(key, wanted)
	switch {
	case group.Location != wanted.Location:
		writeError(w, http.StatusConflict, "InvalidResourceGroupLocation", fmt.Sprintf("Invalid resource group location '%s'. "+
			"The Resource group already exists in location '%s'.", wanted.Location, group.Location))
	case made:
		writeJSON(w, http.StatusCreated, group)
	default:
		writeJSON(w, http.StatusOK, group)
	}
}

// createOrUpdate returns the group as it is now. A group's location can't be changed.
func (m *resourceManager) createOrUpdate(key string, wanted resourceGroup) (group resourceGroup, made bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	group, exists := m.groups[key]
	if exists && group.Location != wanted.Location {
		return group, false
	}
	if !exists {
		group = resourceGroup{
			ID:       "/subscriptions/" + subscriptionID + "/resourceGroups/" + wanted.Name,
			Name:     wanted.Name,
			Type:     "Microsoft.Resources/resourceGroups",
			Location: wanted.Location,
		}
		group.Properties.State = "Succeeded"
	}
	group.Tags = wanted.Tags
	m.groups[key] = group
	return group, !exists
}
