package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// counts are what a job's summary tells.
type counts struct {
	Acquired  int `json:"acquired"`  // first tokens for a scope
	Refreshed int `json:"refreshed"` // later ones
	Refused   int `json:"refused"`   // answers of the CI system and Microsoft Entra that were no token
}

// A tally counts the answers that come over both legs, as a policy of each. It is safe for concurrent use.
type tally struct {
	note func(string)

	mu     sync.Mutex
	counts counts
	had    map[string]bool // scopes
}

func newTally(note func(string)) *tally { return &tally{note: note, had: map[string]bool{}} }

func (t *tally) sum() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Do implements [policy.Policy].
func (t *tally) Do(req *policy.Request) (*http.Response, error) {
	scope, err := scopeIn(req)
	if err != nil {
		return nil, err
	}
	resp, err := req.Next()
	if err != nil {
		return resp, err
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return nil, err
	}
	t.count(req.Raw().URL.Host, scope, resp, body)
	return resp, nil
}

// scopeIn is what a request asks Microsoft Entra for a token for; "" in any other.
func scopeIn(req *policy.Request) (string, error) {
	body := req.Body()
	if body == nil || !strings.HasPrefix(req.Raw().Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return "", nil
	}
	content, err := io.ReadAll(body)
	if err == nil {
		err = req.RewindBody()
	}
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(content))
	if err != nil {
		return "", nil // it asks for nothing that is counted
	}
	for scope := range strings.FieldsSeq(form.Get("scope")) {
		if !openIDScopes[scope] {
			return scope, nil
		}
	}
	return "", nil
}

// openIDScopes are added by MSAL.
var openIDScopes = map[string]bool{"openid": true, "offline_access": true, "profile": true}

func (t *tally) count(host, scope string, resp *http.Response, body []byte) {
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if scope == "" || resp.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.AccessToken == "" {
		if resp.StatusCode >= http.StatusBadRequest || scope != "" {
			t.add(func(c *counts) { c.Refused++ })
			t.note(fmt.Sprintf("%s refused: HTTP %d", host, resp.StatusCode))
		}
		return
	}
	t.note("a new token for " + scope)
	t.add(func(c *counts) {
		if t.had[scope] {
			c.Refreshed++
		} else {
			c.Acquired++
		}
		t.had[scope] = true
	})
}

func (t *tally) add(to func(*counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to(&t.counts)
}
