package main

import "net/http"

// graph is what Terraform's azuread asks Microsoft Graph for an application. There is one, hubClientID: it tells in its notes who
// asked.
// https://learn.microsoft.com/graph/api/resources/application
func graph(base string) http.Handler {
	const application = `{"id":"5b2c8d0e-7f1a-4c36-9e4d-1a2b3c4d5e6f","appId":"` + hubClientID + `","displayName":"octo-hub","notes":"%s"}`
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1.0/applications", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("$filter") != "appId eq '"+hubClientID+"'" {
			answer(`{"value":[]}`)(w, r)
			return
		}
		answer(`{"value":[`+application+`]}`, askedBy(r))(w, r)
	})
	mux.HandleFunc("GET /v1.0/applications/{id}/owners", answer(`{"value":[]}`))
	mux.HandleFunc("GET /beta/applications/{id}", answer(`{"id":"5b2c8d0e-7f1a-4c36-9e4d-1a2b3c4d5e6f","oauth2RequirePostResponse":false}`))
	return below(base, mux)
}
