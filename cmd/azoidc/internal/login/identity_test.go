package login

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOtherIdentities(t *testing.T) {
	var o Identities
	require.NoError(t, o.Set("hub=h"))
	require.NoError(t, o.Set(" spoke = s , service-connection = c , tenant = t "))
	require.Equal(t, Identities{{Name: "hub", ClientID: "h"}, {Name: "spoke", ClientID: "s", tenantID: "t", connectionID: "c"}}, o)
	for _, bad := range []string{"hub", "=h", "hub=", "hub=h,,tenant=t", "hub=h,tenant=", "hub=h,region=r", "hub=h, "} {
		require.Error(t, o.Set(bad), bad)
	}
	require.Len(t, o, 2)
	l := &Login{ClientID: "own", TenantID: "home", connectionID: "first"}
	require.Equal(t, &Login{ClientID: "h", TenantID: "home", connectionID: "first"}, l.As(o[0]))
	require.Equal(t, &Login{ClientID: "s", TenantID: "t", connectionID: "c"}, l.As(o[1]))
	require.Equal(t, "own", l.ClientID)
}
