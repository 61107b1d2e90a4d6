package msal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	configuration = "/.well-known/openid-configuration"
	instance      = "/common/discovery/instance"
	// maxKept bounds the memory for ever new tenants. A document has about 2 KB.
	maxKept = 1000
)

// ErrGivenUp is the error of a caller who gave up.
var ErrGivenUp = errors.New("the document isn't wanted any more")

// SharedDocuments are the documents of all credentials of this process that ask in the same way: the answers are public, and the same for
// all. A server that acts on behalf of many makes a credential for each.
var SharedDocuments Documents

// Documents are Entra's openid-configuration documents, and what it says of a private authority: a credential reads each only
// once. The zero value is ready, and safe for concurrent use.
type Documents struct {
	mu    sync.Mutex
	kept  map[string][]byte // by URL
	reads map[string]*read  // those under way, by URL
}

// AsksForDocument tells whether req asks for such a document.
func AsksForDocument(req *http.Request) bool {
	return req.Method == http.MethodGet && (strings.HasSuffix(req.URL.Path, configuration) || req.URL.Path == instance)
}

// Do answers req from the kept documents; one read at a time goes on for a document that isn't kept yet, and all who wait
// share its answer. It ends when nobody waits any more: each waits until the context of req ends, or giveUp is closed. Only
// a usable document is kept, a failure never.
func (d *Documents) Do(req *policy.Request, giveUp <-chan struct{}) (*http.Response, error) {
	url := req.Raw().URL.String()
	document, r := d.join(url, req)
	if r == nil {
		return answer{response: found, body: document}.to(req.Raw()), nil
	}
	ctx := req.Raw().Context()
	select {
	case <-r.done:
	case <-giveUp:
		d.leave(url, r)
		return nil, ErrGivenUp
	case <-ctx.Done():
		d.leave(url, r)
		return nil, context.Cause(ctx)
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.answer.to(req.Raw()), nil
}

// Forget drops the document at url, which MSAL found wrong.
func (d *Documents) Forget(url string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.kept, url)
}

// join returns the kept document, or the read that will bring it, with one more who waits for it.
func (d *Documents) join(url string, req *policy.Request) ([]byte, *read) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if document, ok := d.kept[url]; ok {
		return document, nil
	}
	r := d.reads[url]
	if r == nil {
		r = d.begin(url, req)
	}
	r.waiting++
	return nil, r
}

// leave ends a read that nobody waits for any more.
func (d *Documents) leave(url string, r *read) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.waiting--; r.waiting > 0 {
		return
	}
	r.cancel()
	if d.reads[url] == r {
		delete(d.reads, url) // whoever comes now needs another one
	}
}

// land takes in what a read brought.
func (d *Documents) land(url string, r *read) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reads[url] == r {
		delete(d.reads, url)
	}
	if r.err == nil && r.answer.response.StatusCode == http.StatusOK && UsableDocument(r.answer.body) {
		d.keep(url, r.answer.body)
	}
	r.cancel()
	close(r.done)
}

func (d *Documents) keep(url string, document []byte) {
	if d.kept == nil {
		d.kept = map[string][]byte{}
	}
	for other := range d.kept { // any one
		if len(d.kept) < maxKept {
			break
		}
		delete(d.kept, other)
	}
	d.kept[url] = document
}

// UsableDocument holds for a document with the members that MSAL requires of it.
// https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
func UsableDocument(body []byte) bool {
	var document struct {
		Issuer                  string `json:"issuer"`
		AuthorizationEndpoint   string `json:"authorization_endpoint"`
		TokenEndpoint           string `json:"token_endpoint"`
		TenantDiscoveryEndpoint string `json:"tenant_discovery_endpoint"` // of what is said of an authority
	}
	if json.Unmarshal(body, &document) != nil {
		return false
	}
	return document.TenantDiscoveryEndpoint != "" ||
		document.Issuer != "" && document.AuthorizationEndpoint != "" && document.TokenEndpoint != ""
}

// An answer is shared by several requests, each with a reader of its own.
type answer struct {
	response http.Response
	body     []byte
}

func (a answer) to(req *http.Request) *http.Response {
	resp := a.response
	resp.Header = resp.Header.Clone()
	resp.Request = req
	resp.Body = io.NopCloser(bytes.NewReader(a.body))
	return &resp
}

// found is what a kept document is answered with.
var found = http.Response{
	Status: "200 OK", StatusCode: http.StatusOK,
	Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: -1,
}
