package main

import "net/http"

// vault is what Packer asks Key Vault for: a secret, whose value tells who asked. Whatever else is asked for, it lets those in
// who have a token.
// https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret
func vault(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /secrets/{name}/{version...}", func(w http.ResponseWriter, r *http.Request) {
		answer(`{"id":"https://%s/secrets/%s/1","value":"%s","attributes":{"enabled":true}}`, r.Host, r.PathValue("name"), askedBy(r))(w, r)
	})
	mux.HandleFunc("/", answer("{}"))
	return below(base, mux)
}
