package tokencache_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/tokencache"
)

// TestEachCauseIsSaidOnce, after the scopes that failed of it, whatever else of a request differs.
func TestEachCauseIsSaidOnce(t *testing.T) {
	refused := func(scope, trace, at string) error {
		return fmt.Errorf("refused for %q, scope %s\n  trace:     %s\n  id 1a2b3c4d-1111-2222-3333-%s at %s", []string{scope}, scope, trace, trace, at)
	}
	outage := errors.New("outage")
	err := tokencache.JoinByCause([]string{"a", "b", "c", "d", " ", "a"}, []error{
		refused("a", "000000000001", "2026-07-01T10:00:00Z"), outage, nil,
		refused("d", "000000000002", "2026-07-01 10:00:01.5"), outage, refused("a", "000000000001", "2026-07-01T10:00:00Z"),
	})
	require.EqualError(t, err, "a, d: refused for it\n  trace:     000000000001\n  id 1a2b3c4d-1111-2222-3333-000000000001 at 2026-07-01T10:00:00Z\n"+
		"b, \" \": outage")
	require.ErrorIs(t, err, outage)
	require.NoError(t, tokencache.JoinByCause([]string{"a"}, []error{nil}))

	one := tokencache.JoinByCause([]string{"a", "b"}, []error{refused("a", "000000000001", "now"), nil})
	require.ErrorContains(t, one, `a: refused for ["a"], scope a`, "nothing is taken out of the only one")
	two := tokencache.JoinByCause([]string{"a", "b"}, []error{errors.New("outage of a kind"), errors.New("outage of another")})
	require.EqualError(t, two, "a: outage of a kind\nb: outage of another")
}
