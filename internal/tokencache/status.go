package tokencache

import (
	"slices"
	"strings"
	"time"
)

// A Status is azoidc.TokenStatus.
type Status struct {
	Scopes               []string
	TenantID             string
	CAE                  bool
	ExpiresOn, RefreshOn time.Time
	LastError            error
}

// Tokens lists the tokens that are held, sorted by scope, tenant and CAE mode.
func (c *Cache) Tokens() []Status {
	var list []Status
	for _, e := range c.table.all() {
		if held, lastError := e.status(); held != nil {
			list = append(list, Status{
				Scopes: e.scopes(), TenantID: e.key.tenantID, CAE: e.key.cae,
				ExpiresOn: held.issued.ExpiresOn, RefreshOn: held.issued.RefreshOn, LastError: c.eachError(lastError),
			})
		}
	}
	slices.SortFunc(list, compareStatus)
	return list
}

func compareStatus(a, b Status) int {
	if order := slices.Compare(a.Scopes, b.Scopes); order != 0 {
		return order
	}
	if order := strings.Compare(a.TenantID, b.TenantID); order != 0 {
		return order
	}
	switch {
	case a.CAE == b.CAE:
		return 0
	case b.CAE:
		return -1
	}
	return 1
}
