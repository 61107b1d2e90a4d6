package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// resourceManager answers what Azure CLI and Terraform's azurerm ask when they sign in, and for resource groups. One is there
// already, octo: it tells in a tag who asked.
func resourceManager(base, tenantID, subscriptionID string) http.Handler {
	const subscription = `{"id":"/subscriptions/%[1]s","subscriptionId":"%[1]s","tenantId":"%[2]s",
		"displayName":"octo-subscription","state":"Enabled","subscriptionPolicies":{},"managedByTenants":[]}`
	const group = `{"id":"/subscriptions/%[1]s/resourceGroups/octo","name":"octo",
		"type":"Microsoft.Resources/resourceGroups","location":"westeurope","properties":{"provisioningState":"Succeeded"},"tags":{"askedBy":"%[2]s"}}`
	groups := &resourceGroups{made: map[string]resourceGroup{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tenants", answer(`{"value":[{"id":"/tenants/%[1]s","tenantId":"%[1]s"}]}`, tenantID))
	mux.HandleFunc("GET /subscriptions", answer(`{"value":[`+subscription+`]}`, subscriptionID, tenantID))
	mux.HandleFunc("GET /subscriptions/{id}", answer(subscription, subscriptionID, tenantID))
	mux.HandleFunc("GET /subscriptions/{id}/resourcegroups", answer(`{"value":[`+group+`]}`, subscriptionID, "nobody"))
	mux.HandleFunc("GET /subscriptions/{id}/resourceGroups/octo", func(w http.ResponseWriter, r *http.Request) {
		answer(group, subscriptionID, askedBy(r))(w, r)
	})
	mux.HandleFunc("GET /subscriptions/{id}/resourceGroups/{name}", groups.get)
	mux.HandleFunc("PUT /subscriptions/{id}/resourceGroups/{name}", groups.put)
	return below(base, mux)
}

// below serves handler at base and, for requests to the service's own name, at the root.
func below(base string, handler http.Handler) http.Handler {
	prefix := ""
	if parsed, err := url.Parse(base); err == nil {
		prefix = parsed.Path
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, prefix), "/")
		handler.ServeHTTP(w, r)
	})
}

// resourceGroups are those that the job makes.
// https://learn.microsoft.com/rest/api/resources/resource-groups
type resourceGroups struct {
	mu   sync.Mutex
	made map[string]resourceGroup // by path
}

type resourceGroup struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location"`
	Tags       map[string]string `json:"tags,omitempty"`
	Properties struct {
		ProvisioningState string `json:"provisioningState"`
	} `json:"properties"`
}

func (g *resourceGroups) get(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	group, ok := g.made[r.URL.Path]
	if !ok {
		managerError(w, http.StatusNotFound, "ResourceGroupNotFound", "Resource group '"+r.PathValue("name")+"' could not be found.")
		return
	}
	writeGroup(w, http.StatusOK, group)
}

func (g *resourceGroups) put(w http.ResponseWriter, r *http.Request) {
	var group resourceGroup
	if err := json.NewDecoder(r.Body).Decode(&group); err != nil {
		managerError(w, http.StatusBadRequest, "InvalidRequestContent", err.Error())
		return
	}
	group.ID, group.Name, group.Type = r.URL.Path, r.PathValue("name"), "Microsoft.Resources/resourceGroups"
	group.Properties.ProvisioningState = "Succeeded"
	g.mu.Lock()
	defer g.mu.Unlock()
	g.made[r.URL.Path] = group
	writeGroup(w, http.StatusCreated, group)
}

func writeGroup(w http.ResponseWriter, status int, group resourceGroup) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(group) // fails only when the client has left
}

func managerError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"code":%q,"message":%q}}`, code, text)
}
