package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// stateBlobs is what backends for Terraform's state need of Blob Storage: block blobs with metadata and leases. Every
// container is there.
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
type stateBlobs struct {
	mu    sync.Mutex
	blobs map[string]*stateBlob // by host and path
}

type stateBlob struct {
	content  []byte
	metadata http.Header // with their prefix
	lease    string      // "" while there is none
	changed  time.Time
	version  int
}

const metadataPrefix = "X-Ms-Meta-"

func newStateBlobs() *stateBlobs { return &stateBlobs{blobs: map[string]*stateBlob{}} }

func (s *stateBlobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("X-Ms-Version", r.Header.Get("X-Ms-Version"))
	w.Header().Set("X-Ms-Request-Id", "5f1d9a3c-0b7e-4d55-8a53-2f6f1f0c9e12")
	query := r.URL.Query()
	if query.Get("restype") == "container" {
		s.serveContainer(w, r)
		return
	}
	key := r.Host + r.URL.Path
	blob := s.blobs[key]
	switch operation := strings.TrimSpace(r.Method + " " + query.Get("comp")); {
	case operation == "PUT" && blob == nil:
		blob = &stateBlob{}
		s.blobs[key] = blob
		blob.put(w, r)
	case blob == nil:
		blobError(w, http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.")
	case operation == "GET", operation == "HEAD":
		blob.get(w, r)
	case operation == "PUT lease":
		blob.serveLease(w, r)
	case !blob.mayChange(w, r):
	case operation == "PUT":
		blob.put(w, r)
	case operation == "PUT metadata":
		blob.setMetadata(r)
		blob.describe(w)
		w.WriteHeader(http.StatusOK)
	case operation == "DELETE":
		delete(s.blobs, key)
		w.WriteHeader(http.StatusAccepted)
	default:
		blobError(w, http.StatusNotImplemented, "NotImplemented", operation)
	}
}

func (s *stateBlobs) serveContainer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Etag", `"0x1"`)
	if r.URL.Query().Get("comp") != "list" {
		w.WriteHeader(http.StatusOK)
		return
	}
	type entry struct {
		Name       string
		Properties struct{ BlobType string }
	}
	var list struct {
		XMLName xml.Name `xml:"EnumerationResults"`
		Blobs   []entry  `xml:"Blobs>Blob"`
		Next    string   `xml:"NextMarker"`
	}
	for _, key := range slices.Sorted(maps.Keys(s.blobs)) {
		name, ok := strings.CutPrefix(key, r.Host+strings.TrimSuffix(r.URL.Path, "/")+"/")
		if ok && strings.HasPrefix(name, r.URL.Query().Get("prefix")) {
			one := entry{Name: name}
			one.Properties.BlobType = "BlockBlob"
			list.Blobs = append(list.Blobs, one)
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(list) // fails only when the client has left
}

// mayChange wants the lease of a blob that has one.
func (b *stateBlob) mayChange(w http.ResponseWriter, r *http.Request) bool {
	switch r.Header.Get("X-Ms-Lease-Id") {
	case b.lease:
		return true
	case "":
		blobError(w, http.StatusPreconditionFailed, "LeaseIdMissing", "There is currently a lease on the blob and no lease ID was specified in the request.")
	default:
		blobError(w, http.StatusPreconditionFailed, "LeaseIdMismatchWithBlobOperation", "The lease ID specified did not match the lease ID for the blob.")
	}
	return false
}

func (b *stateBlob) put(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		blobError(w, http.StatusBadRequest, "InvalidInput", err.Error())
		return
	}
	b.content = content
	b.setMetadata(r)
	b.describe(w)
	w.WriteHeader(http.StatusCreated)
}

func (b *stateBlob) setMetadata(r *http.Request) {
	b.metadata = http.Header{}
	for name, values := range r.Header {
		if strings.HasPrefix(name, metadataPrefix) {
			b.metadata[name] = values
		}
	}
	b.changed = time.Now()
	b.version++
}

func (b *stateBlob) get(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), b.metadata)
	b.describe(w)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Ms-Blob-Type", "BlockBlob")
	status, state := "unlocked", "available"
	if b.lease != "" {
		status, state = "locked", "leased"
		w.Header().Set("X-Ms-Lease-Duration", "infinite")
	}
	w.Header().Set("X-Ms-Lease-Status", status)
	w.Header().Set("X-Ms-Lease-State", state)
	w.Header().Set("Content-Length", fmt.Sprint(len(b.content)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.content) // fails only when the client has left
	}
}

func (b *stateBlob) describe(w http.ResponseWriter) {
	w.Header().Set("Etag", fmt.Sprintf(`"0x%X"`, b.version))
	w.Header().Set("Last-Modified", b.changed.UTC().Format(http.TimeFormat))
}

// https://learn.microsoft.com/rest/api/storageservices/lease-blob
func (b *stateBlob) serveLease(w http.ResponseWriter, r *http.Request) {
	b.describe(w)
	switch action := r.Header.Get("X-Ms-Lease-Action"); {
	case action == "acquire" && b.lease != "":
		blobError(w, http.StatusConflict, "LeaseAlreadyPresent", "There is already a lease present.")
	case action == "acquire":
		b.lease = r.Header.Get("X-Ms-Proposed-Lease-Id")
		w.Header().Set("X-Ms-Lease-Id", b.lease)
		w.WriteHeader(http.StatusCreated)
	case action == "release" && r.Header.Get("X-Ms-Lease-Id") != b.lease:
		blobError(w, http.StatusConflict, "LeaseIdMismatchWithLeaseOperation", "The lease ID specified did not match the lease ID for the blob.")
	case action == "release":
		b.lease = ""
		w.WriteHeader(http.StatusOK)
	default:
		blobError(w, http.StatusNotImplemented, "NotImplemented", "lease "+action)
	}
}

func blobError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, text)
}
