package azoidctest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
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

// firstBearerVersion is the first version of Blob Storage that takes access tokens, see
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory.
const firstBearerVersion = "2017-11-09"

// blobStorage keeps containers and their block blobs, see
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api. Every name is a storage account.
type blobStorage struct {
	mu         sync.Mutex
	containers map[string]map[string]blob // by host and name, then by the blob's name
}

type blob struct {
	content     []byte
	contentType string
	tag         string
	changed     time.Time
}

func (c *Cloud) newBlobStorage() *api {
	b := &blobStorage{containers: map[string]map[string]blob{}}
	made := c.newAPI(b, blobTexts, "https://storage.azure.com", "https://storage.azure.com/")
	made.ownHost = true
	made.deny = denyBlob
	return made
}

// denyBlob challenges as Blob Storage does, without quotes and commas, see
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory#bearer-challenge.
func denyBlob(w http.ResponseWriter, a *api, ch *challenge) {
	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer authorization_uri=%s/%s/oauth2/authorize resource_id=%s",
		a.authority, a.cloud.options.TenantID, a.audiences[0]))
	if parameters := ch.claimsParameters(); parameters != "" {
		w.Header().Add("WWW-Authenticate", `Bearer realm=""`+parameters)
	}
	code, text := a.texts(a, ch)
	writeBlobError(w, http.StatusUnauthorized, code, text)
}

// blobTexts words Blob Storage's refusals.
func blobTexts(_ *api, ch *challenge) (code, text string) {
	const refused = "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
	switch ch.reason {
	case tokenMissing:
		return "NoAuthenticationInformation", refused
	case tokenForAnother:
		return "InvalidAuthenticationInfo", refused + " Audience validation failed. Audience did not match."
	case tokenExpired:
		return "InvalidAuthenticationInfo", refused + " Lifetime validation failed. The token is expired."
	}
	return "InvalidAuthenticationInfo", refused
}

func writeBlobError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("x-ms-error-code", code)
	writeXML(w, status, struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
	}{Code: code, Message: text})
}

func writeXML(w http.ResponseWriter, status int, value any) {
	body, err := xml.Marshal(value)
	if err != nil {
		panic("azoidctest: " + err.Error()) // all values are this package's own
	}
	writeBody(w, status, "application/xml", append([]byte(xml.Header), body...))
}

// ServeHTTP answers an admitted request.
func (b *blobStorage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	version := r.Header.Get("x-ms-version")
	if version < firstBearerVersion {
		writeBlobError(w, http.StatusBadRequest, "InvalidHeaderValue", "The header x-ms-version must be "+firstBearerVersion+" or later.")
		return
	}
	w.Header().Set("x-ms-version", version)
	w.Header().Set("x-ms-request-id", newGUID())
	query := r.URL.Query()
	container, name, isBlob := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	key := hostOf(r.Host) + "/" + container
	switch kind := r.Method + " " + query.Get("restype") + " " + query.Get("comp"); {
	case kind == "PUT container " && container != "" && !isBlob:
		b.create(w, key)
	case container != "" && !b.has(key):
		writeBlobError(w, http.StatusNotFound, "ContainerNotFound", "The specified container does not exist.")
	case kind == "GET container list" && !isBlob && query.Get("delimiter") == "" && query.Get("marker") == "":
		b.list(w, r, key, container)
	case kind == "PUT  " && isBlob && r.Header.Get("x-ms-blob-type") == "BlockBlob":
		b.put(w, r, key, name)
	case (kind == "GET  " || kind == "HEAD  ") && isBlob:
		b.get(w, r, key, name)
	default:
		unmodelledBlob(w, r)
	}
}

func unmodelledBlob(w http.ResponseWriter, r *http.Request) {
	writeBlobError(w, http.StatusNotImplemented, "NotImplemented", "azoidctest's Blob Storage doesn't answer "+r.Method+" "+
		r.URL.RequestURI()+"; see Service.Handle and Cloud.Handle")
}

func (b *blobStorage) has(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.containers[key] != nil
}

func (b *blobStorage) create(w http.ResponseWriter, key string) {
	if !b.add(key) {
		writeBlobError(w, http.StatusConflict, "ContainerAlreadyExists", "The specified container already exists.")
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// add returns false if the container is there already.
func (b *blobStorage) add(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.containers[key] != nil {
		return false
	}
	b.containers[key] = map[string]blob{}
	return true
}

func (b *blobStorage) put(w http.ResponseWriter, r *http.Request, key, name string) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		writeBlobError(w, http.StatusBadRequest, "InvalidInput", "The request body could not be read.")
		return
	}
	sum := md5.Sum(content)
	made := blob{content: content, contentType: r.Header.Get("x-ms-blob-content-type"), changed: time.Now(), tag: `"` + newGUID() + `"`}
	if made.contentType == "" {
		made.contentType = "application/octet-stream"
	}
	b.mu.Lock()
	b.containers[key][name] = made
	b.mu.Unlock()
	w.Header().Set("ETag", made.tag)
	w.Header().Set("Last-Modified", made.changed.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	w.Header().Set("x-ms-request-server-encrypted", "true")
	w.WriteHeader(http.StatusCreated)
}

// get answers with the blob or the range of it that the request asks for.
func (b *blobStorage) get(w http.ResponseWriter, r *http.Request, key, name string) {
	b.mu.Lock()
	found, exists := b.containers[key][name]
	b.mu.Unlock()
	if !exists {
		writeBlobError(w, http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.")
		return
	}
	if wanted := r.Header.Get("x-ms-range"); wanted != "" { // goes before Range
		r.Header.Set("Range", wanted)
	}
	w.Header().Set("Content-Type", found.contentType)
	w.Header().Set("ETag", found.tag)
	w.Header().Set("x-ms-blob-type", "BlockBlob")
	http.ServeContent(w, r, "", found.changed, bytes.NewReader(found.content))
}

// blobList is the answer of https://learn.microsoft.com/rest/api/storageservices/list-blobs.
type blobList struct {
	XMLName   xml.Name    `xml:"EnumerationResults"`
	Endpoint  string      `xml:"ServiceEndpoint,attr"`
	Container string      `xml:"ContainerName,attr"`
	Prefix    string      `xml:"Prefix"`
	Blobs     []blobEntry `xml:"Blobs>Blob"`
	Next      string      `xml:"NextMarker"`
}

type blobEntry struct {
	Name       string `xml:"Name"`
	Properties struct {
		Changed string `xml:"Last-Modified"`
		Tag     string `xml:"Etag"`
		Length  int    `xml:"Content-Length"`
		Type    string `xml:"Content-Type"`
		Kind    string `xml:"BlobType"`
	} `xml:"Properties"`
}

func (b *blobStorage) list(w http.ResponseWriter, r *http.Request, key, container string) {
	prefix := r.URL.Query().Get("prefix")
	writeXML(w, http.StatusOK, blobList{
		Endpoint: "https://" + r.Host + "/", Container: container, Prefix: prefix, Blobs: b.blobs(key, prefix),
	})
}

func (b *blobStorage) blobs(key, prefix string) (entries []blobEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(b.containers[key])) {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		found := b.containers[key][name]
		entry := blobEntry{Name: name}
		entry.Properties.Changed = found.changed.UTC().Format(http.TimeFormat)
		entry.Properties.Tag = found.tag
		entry.Properties.Length = len(found.content)
		entry.Properties.Type = found.contentType
		entry.Properties.Kind = "BlockBlob"
		entries = append(entries, entry)
	}
	return entries
}
