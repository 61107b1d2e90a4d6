package tokenserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/tokenserver"
)

// hubAndSpoke are two identities beside the first one, each with a token of its own.
func hubAndSpoke(t testing.TB) (*tokenserver.Handler, map[string]string) {
	t.Helper()
	handler, err := tokenserver.New(tokenOf("first"), &tokenserver.Options{ClientID: clientID, Identities: []tokenserver.Identity{
		{Name: "hub", Credential: tokenOf("hub"), ClientID: "hub-client", ObjectID: "hub-object", ResourceID: "/subscriptions/s/hub"},
		{Name: "spoke-1", Credential: tokenOf("spoke"), ClientID: "spoke-client"},
	}})
	require.NoError(t, err)
	return handler, handler.Env(endpoint)
}

func tokenOf(name string) azcore.TokenCredential { return &source{token: "token-of-" + name} }

func TestIdentityIsChosen(t *testing.T) {
	const listed = "client_id " + clientID + " or hub client_id hub-client or spoke-1 client_id spoke-client"
	for query, want := range map[string]string{
		"":                                            "token-of-first",
		"&client_id=" + clientID:                      "token-of-first",
		"&client_id=hub-client":                       "token-of-hub",
		"&client_id=HUB-Client":                       "token-of-hub",
		"&clientid=spoke-client":                      "token-of-spoke",
		"&object_id=hub-object":                       "token-of-hub",
		"&principal_id=hub-object":                    "token-of-hub",
		"&mi_res_id=/Subscriptions/s/hub":             "token-of-hub",
		"&msi_res_id=/subscriptions/s/hub":            "token-of-hub",
		"&client_id=hub-client&object_id=":            "token-of-hub",
		"&client_id=hub-client&client_id=":            "token-of-hub",
		"&client_id=hub-client&mi_res_id=/s":          listed,
		"&client_id=another":                          listed,
		"&object_id=another":                          listed,
		"&mi_res_id=another":                          listed,
		"&client_id=hub":                              listed,
		"&client_id=hub-client&client_id=" + clientID: "two identities",
	} {
		handler, env := hubAndSpoke(t)
		r := newRequest(env, vault)
		r.URL.RawQuery += query
		a := serve(t, handler, r)
		if strings.HasPrefix(want, "token-of-") {
			require.Equal(t, want, a.body["access_token"], query)
			continue
		}
		requireRefused(t, a, http.StatusBadRequest, want)
	}
}

// Who asks for an identity where none has an ID hears of none.
func TestIdentityWithoutID(t *testing.T) {
	handler, err := tokenserver.New(&source{}, nil)
	require.NoError(t, err)
	r := newRequest(handler.Env(endpoint), vault)
	r.URL.RawQuery += "&client_id=another"
	requireRefused(t, serve(t, handler, r), http.StatusBadRequest, `"another" isn't served here: leave client_id out`)
}

// An identity's address is for that identity alone; that of the first one is for who has the environment.
func TestIdentityHasItsOwnAddress(t *testing.T) {
	for name, test := range map[string]struct{ variable, query, want string }{
		"first":              {"ARM_MSI_ENDPOINT", "", "token-of-first"},
		"first, hub asked":   {"ARM_MSI_ENDPOINT", "&client_id=hub-client", "token-of-hub"},
		"hub":                {"AZOIDC_MSI_ENDPOINT_HUB", "", "token-of-hub"},
		"hub, itself asked":  {"AZOIDC_MSI_ENDPOINT_HUB", "&client_id=hub-client", "token-of-hub"},
		"hub, another asked": {"AZOIDC_MSI_ENDPOINT_HUB", "&client_id=" + clientID, ""},
		"spoke":              {"AZOIDC_MSI_ENDPOINT_SPOKE_1", "", "token-of-spoke"},
	} {
		t.Run(name, func(t *testing.T) {
			handler, env := hubAndSpoke(t)
			r := newTerraformRequest(map[string]string{"ARM_MSI_ENDPOINT": env[test.variable], "ARM_MSI_API_VERSION": "2018-02-01"})
			r.URL.RawQuery += test.query
			a := serve(t, handler, r)
			if test.want == "" {
				require.Equal(t, http.StatusBadRequest, a.status)
				require.Contains(t, a.body["error_description"], "ask for hub client_id hub-client, or leave client_id out")
				return
			}
			require.Equal(t, test.want, a.body["access_token"])
			require.Equal(t, map[string]string{"first": clientID, "hub": "hub-client", "spoke": "spoke-client"}[strings.TrimPrefix(test.want, "token-of-")],
				a.body["client_id"])
		})
	}
}

func TestIdentityThatCannotBeServed(t *testing.T) {
	for name, identities := range map[string][]tokenserver.Identity{
		`called ""`:                          {{Credential: &source{}}},
		`called "a b"`:                       {{Name: "a b", Credential: &source{}}},
		`called "a=b"`:                       {{Name: "a=b", Credential: &source{}}},
		`called "` + strings.Repeat("a", 65): {{Name: strings.Repeat("a", 65), Credential: &source{}}},
		"credential of hub is nil":           {{Name: "hub"}},
		"AZOIDC_MSI_ENDPOINT_A_B":            {{Name: "a-b", Credential: &source{}}, {Name: "A_B", Credential: &source{}}},
	} {
		_, err := tokenserver.New(&source{}, &tokenserver.Options{Identities: identities})
		require.ErrorContains(t, err, name)
		_, err = tokenserver.Start(&source{}, &tokenserver.Options{Identities: identities})
		require.ErrorContains(t, err, name)
	}
}

// Options are read once: who changes them later doesn't change the Handler.
func TestIdentitiesAreCopied(t *testing.T) {
	options := &tokenserver.Options{
		Identities: []tokenserver.Identity{{Name: "hub", Credential: tokenOf("hub"), ClientID: "hub-client"}},
	}
	handler, err := tokenserver.New(tokenOf("first"), options)
	require.NoError(t, err)
	options.Identities[0].ClientID = "another"
	r := newRequest(handler.Env(endpoint), vault)
	r.URL.RawQuery += "&client_id=hub-client"
	require.Equal(t, "token-of-hub", serve(t, handler, r).body["access_token"])
}

func TestAddressesAreNeverPrinted(t *testing.T) {
	handler, env := hubAndSpoke(t)
	for _, variable := range []string{"AZOIDC_MSI_ENDPOINT_HUB", "AZOIDC_MSI_ENDPOINT_SPOKE_1"} {
		secret := strings.TrimPrefix(env[variable], endpoint+tokenserver.Path+"/")
		require.Regexp(t, "^[0-9a-f]{64}$", secret)
		testbed.RequirePrintsNone(t, handler, secret)
		testbed.RequirePrintsNone(t, *handler, secret)
	}
}
