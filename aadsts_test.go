package azoidc

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"
)

// TestTheTableOfCodes walks it from inside, so that no row is left out: each means something and advises something,
// however much is known of the case.
func TestTheTableOfCodes(t *testing.T) {
	cases := map[string]ExchangeError{
		"nothing known": {},
		"all known": {
			Claims:   &Claims{Issuer: "https://issuer.example/", Subject: "it's me", Audience: []string{"a"}},
			identity: identity{tenantID: "tenant", clientID: "client"},
			scopes:   []string{"scope"}, asked: "POST https://login.example", age: 24 * time.Hour,
		},
		"a wrong clock": {clockOffset: -time.Hour},
	}
	for code, known := range knownCodes {
		for name, refused := range cases {
			t.Run(fmt.Sprint(code, " ", name), func(t *testing.T) {
				refused.Code, refused.known = codeName(code), known
				refused.Err = &azidentity.AuthenticationFailedError{}
				require.NotEmpty(t, known.meaning)
				require.NotEmpty(t, known.advice(&refused))
				require.Contains(t, refused.Error(), known.meaning)
				require.Contains(t, refused.Error(), known.advice(&refused))
			})
		}
	}
}

func TestAdviceFitsAShell(t *testing.T) {
	text := adviseFederation(&ExchangeError{Claims: &Claims{Subject: "it's me"}})
	require.Contains(t, text, `"subject":"it'\''s me"`)
}

func TestEveryErrorsAnswerNamesItsCause(t *testing.T) {
	mine := errors.New("mine")
	for _, err := range []error{
		&AssertionError{Source: "s", Err: mine},
		&ExchangeError{Err: &azidentity.AuthenticationFailedError{}, cause: mine},
	} {
		require.ErrorIs(t, err, mine, "%T", err)
	}
}
