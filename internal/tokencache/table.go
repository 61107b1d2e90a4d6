package tokencache

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	// maxEntries bounds the memory of a program that asks for ever new scopes and tenants.
	maxEntries = 4096
	// sweepInterval keeps the addition of many entries cheap.
	sweepInterval = time.Minute
	// forgetAfter is how long an entry without a usable token stays, for its last error.
	forgetAfter = time.Hour
)

// A key is what tokens are held by. Claims aren't part of it: a token acquired for a claims challenge replaces the one
// that was challenged.
type key struct {
	scopes   string // sorted, separated by spaces
	tenantID string // "" is the credential's own
	cae      bool
}

func (c *Cache) keyOf(o *policy.TokenRequestOptions) key {
	k := key{tenantID: o.TenantID, cae: o.EnableCAE}
	if k.tenantID != "" && strings.EqualFold(k.tenantID, c.options.TenantID) {
		k.tenantID = ""
	}
	if len(o.Scopes) == 1 {
		k.scopes = o.Scopes[0]
	} else {
		k.scopes = strings.Join(sorted(o.Scopes), " ")
	}
	return k
}

func sorted(scopes []string) []string {
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// entries are all that a cache has; they never change.
type entries struct {
	all map[key]*entry
	// own are those of the credential's own tenant, without and with CAE: nearly all look-ups are for these, and to look
	// up a string is faster than a key.
	own [2]map[string]*entry
}

func newEntries(all map[key]*entry) *entries {
	n := &entries{all: all, own: [2]map[string]*entry{{}, {}}}
	for k, e := range all {
		if k.tenantID == "" {
			n.own[k.mode()][k.scopes] = e
		}
	}
	return n
}

// of returns k's entry, or nil.
func (n *entries) of(k key) *entry {
	if k.tenantID == "" {
		return n.own[k.mode()][k.scopes]
	}
	return n.all[k]
}

func (k key) mode() int {
	if k.cae {
		return 1
	}
	return 0
}

// entry returns k's entry, and makes it for the request when there is none.
func (c *Cache) entry(k key, request policy.TokenRequestOptions) *entry {
	if e := c.entries.Load().of(k); e != nil {
		return e
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.entries.Load()
	if e := old.of(k); e != nil {
		return e
	}
	now := time.Now()
	request.Scopes, request.TenantID, request.Claims = sorted(request.Scopes), k.tenantID, ""
	e := &entry{request: request, touched: now}
	grown := maps.Clone(old.all)
	if len(grown) >= maxEntries || now.Sub(c.swept) >= sweepInterval {
		sweep(grown, now)
		c.swept = now
	}
	grown[k] = e
	c.entries.Store(newEntries(grown))
	return e
}

// sweep drops what has been of no use for long, and, where that leaves too many, those that end first.
func sweep(entries map[key]*entry, now time.Time) {
	maps.DeleteFunc(entries, func(_ key, e *entry) bool { return e.drop(now.Add(-forgetAfter)) })
	if len(entries) < maxEntries {
		return
	}
	byEnd := slices.SortedFunc(maps.Keys(entries), func(a, b key) int {
		return cmp.Compare(entries[a].end(), entries[b].end())
	})
	for _, k := range byEnd[:maxEntries/8] {
		if entries[k].drop(farFuture) {
			delete(entries, k)
		}
	}
}

var farFuture = time.Unix(1<<40, 0)

// drop gives the entry up, unless a flight is under way or it was of use after limit.
func (e *entry) drop(limit time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	held := e.held.Load()
	e.dropped = len(e.flights) == 0 && e.touched.Before(limit) && (held == nil || held.ExpiresOn.Before(limit))
	return e.dropped
}

// end is when the entry's token ends, in Unix seconds.
func (e *entry) end() int64 {
	if held := e.held.Load(); held != nil {
		return held.ExpiresOn.Unix()
	}
	return 0
}
