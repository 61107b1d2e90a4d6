package tokencache

import (
	"slices"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Invalidate is azoidc.TokenCache's.
func (c *Cache) Invalidate(scopes ...string) {
	c.forgotten.add(scopes)
	c.invalidate(func(e *entry) bool { return e.isForAny(scopes) })
	for _, scope := range scopes {
		c.forget(policy.TokenRequestOptions{Scopes: []string{scope}})
		c.forget(policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true})
	}
}

// InvalidateAll is azoidc.TokenCache's.
func (c *Cache) InvalidateAll() {
	c.forgotten.addAll()
	c.invalidate(func(*entry) bool { return true })
	c.forget(policy.TokenRequestOptions{})
}

// Forget is Options.Forget of a cache in front of this one.
func (c *Cache) Forget(request policy.TokenRequestOptions) {
	if len(request.Scopes) == 0 {
		c.InvalidateAll()
		return
	}
	c.forgotten.add(request.Scopes)
	k := c.keyOf(&request)
	if e := c.find(k); e != nil {
		e.invalidate()
	}
	c.forget(request)
}

// find looks under the lock, so that no entry is missed.
func (c *Cache) find(k key) *entry {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	return c.table.find(k.hash(), &k)
}

func (c *Cache) invalidate(matches func(*entry) bool) {
	var forget []policy.TokenRequestOptions
	for _, e := range c.table.all() {
		if matches(e) {
			e.invalidate()
			if c.options.Forget != nil {
				forget = append(forget, e.request())
			}
		}
	}
	// After all of them: it may take long.
	for _, request := range forget {
		c.forget(request)
	}
}

func (c *Cache) forget(request policy.TokenRequestOptions) {
	if c.options.Forget != nil {
		c.options.Forget(request)
	}
}

// forgotten knows for which scopes there was an Invalidate, because a persistent cache may hold tokens of keys that aren't
// asked for yet, or not any more.
type forgotten struct {
	mu     sync.Mutex
	all    bool
	scopes map[string]bool
}

// maxForgotten is how many scopes are told apart.
const maxForgotten = 1024

func (f *forgotten) add(scopes []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all || len(f.scopes)+len(scopes) > maxForgotten {
		f.all, f.scopes = true, nil
		return
	}
	if f.scopes == nil {
		f.scopes = map[string]bool{}
	}
	for _, scope := range scopes {
		f.scopes[scope] = true
	}
}

func (f *forgotten) addAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.scopes = true, nil
}

func (f *forgotten) has(scopes []string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all || slices.ContainsFunc(scopes, func(s string) bool { return f.scopes[s] })
}
