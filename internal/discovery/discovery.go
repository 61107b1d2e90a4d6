// Package discovery keeps Entra's openid-configuration documents, so that a credential reads each only once although
// every exchange is made by a new azidentity credential, whose MSAL client would read it again.
package discovery

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"golang.org/x/sync/singleflight"
)

const suffix = "/.well-known/openid-configuration"

// Documents is safe for concurrent use. Its zero value is ready.
type Documents struct {
	flights singleflight.Group
	kept    sync.Map // URL → []byte
}

// Asks tells whether req asks for an openid-configuration document.
func Asks(req *http.Request) bool {
	return req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, suffix)
}

// Do answers req from the kept documents; one request at a time goes on for a document that isn't kept yet, and all
// who wait share its answer. Only a usable document is kept, a failure never.
func (d *Documents) Do(req *policy.Request) (*http.Response, error) {
	url := req.Raw().URL.String()
	if document, ok := d.kept.Load(url); ok {
		return fetched{response: found, body: document.([]byte)}.answer(req.Raw()), nil
	}
	flight := d.flights.DoChan(url, func() (any, error) { return d.fetch(url, req) })
	select {
	case result := <-flight:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(fetched).answer(req.Raw()), nil
	case <-req.Raw().Context().Done():
		return nil, context.Cause(req.Raw().Context())
	}
}

// Forget drops the document at url, which MSAL found wrong.
func (d *Documents) Forget(url string) { d.kept.Delete(url) }

func (d *Documents) fetch(url string, req *policy.Request) (any, error) {
	if document, ok := d.kept.Load(url); ok { // kept between the caller's look and this flight
		return fetched{response: found, body: document.([]byte)}, nil
	}
	resp, err := req.Next()
	if err != nil {
		return nil, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK && Usable(body) {
		d.kept.Store(url, body)
	}
	return fetched{response: *resp, body: body}, nil
}

// Usable holds for a document with the members that MSAL requires of it.
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
func Usable(body []byte) bool {
	var document struct {
		Issuer                string `json:"issuer"`
		AuthorizationEndpoint string `json:"authorization_endpoint"`
		TokenEndpoint         string `json:"token_endpoint"`
	}
	err := json.Unmarshal(body, &document)
	return err == nil && document.Issuer != "" && document.AuthorizationEndpoint != "" && document.TokenEndpoint != ""
}

// fetched is an answer that several requests share, each with a reader of its own.
type fetched struct {
	response http.Response
	body     []byte
}

func (f fetched) answer(req *http.Request) *http.Response {
	resp := f.response
	resp.Header = resp.Header.Clone()
	resp.Request = req
	resp.Body = io.NopCloser(bytes.NewReader(f.body))
	return &resp
}

// found is what a kept document is answered with.
var found = http.Response{
	Status: "200 OK", StatusCode: http.StatusOK,
	Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: -1,
}
