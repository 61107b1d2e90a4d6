package tokenserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/internal/redact"
)

// An Identity is one of several whose tokens a [Handler] serves. A request chooses it by its own address, see
// [Handler.Env], or by one of its IDs in these parameters:
//
//   - client_id, or clientid in the api-version 2017-09-01: ClientID
//   - object_id or principal_id: ObjectID
//   - mi_res_id or msi_res_id: ResourceID
//
// If several identities have the ID, the first of them is chosen.
type Identity struct {
	// Name is what refusals call the identity. In capitals and with _ for -, it is also the end of the variable that
	// holds the identity's address. It has 1 to 64 letters, digits, - and _.
	Name string
	// Credential acquires the identity's tokens. It should cache, as the credential of [New] should.
	Credential azcore.TokenCredential
	// ClientID is the client ID of the application, ObjectID the object ID of its service principal, and ResourceID
	// the resource ID of a user-assigned managed identity. Each may be empty.
	ClientID, ObjectID, ResourceID string
}

// An identity has an address of its own, which holds a secret, because some clients can be given an address but no header.
// It isn't the secret for headers, because addresses are more likely to be logged.
type identity struct {
	Identity
	address secret
}

func newIdentities(cred azcore.TokenCredential, options *Options) ([]identity, error) {
	own := Identity{Credential: cred, ClientID: options.ClientID}
	identities := []identity{{own, newSecret()}}
	variables := map[string]bool{}
	for _, other := range options.Identities {
		switch variable := variableOf(other.Name); {
		case !namePattern.MatchString(other.Name):
			return nil, fmt.Errorf("tokenserver: an identity can't be called %s: letters, digits, - and _ make a name", redact.Line(strconv.Quote(other.Name)))
		case variables[variable]:
			return nil, fmt.Errorf("tokenserver: two identities have the variable %s", variable)
		case other.Credential == nil:
			return nil, errors.New("tokenserver: the credential of " + other.Name + " is nil")
		default:
			variables[variable] = true
		}
		identities = append(identities, identity{other, newSecret()})
	}
	return identities, nil
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// variableOf is the variable that holds the address of the identity with that name.
func variableOf(name string) string {
	return "AZOIDC_MSI_ENDPOINT_" + strings.ReplaceAll(strings.ToUpper(name), "-", "_")
}

func (i *identity) token(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return i.Credential.GetToken(ctx, options)
}

func (i *identity) preload(ctx context.Context, scope string) error {
	_, err := i.token(ctx, policy.TokenRequestOptions{Scopes: []string{scopeOf(scope)}})
	if err == nil {
		return nil
	}
	wanted := redact.Line(scope)
	if i.Name != "" {
		wanted = i.Name + ": " + wanted
	}
	return fmt.Errorf("%s: %w", wanted, redact.Against().Report(err))
}

// selectors are the parameters that name an identity, in several versions of the protocol, each with what it names.
var selectors = []struct {
	parameter string
	of        func(*identity) string
}{
	{"client_id", clientIDOf}, {"clientid", clientIDOf}, // the latter in 2017-09-01
	{"object_id", objectIDOf}, {"principal_id", objectIDOf},
	{"mi_res_id", resourceIDOf}, {"msi_res_id", resourceIDOf},
}

func clientIDOf(i *identity) string   { return i.ClientID }
func objectIDOf(i *identity) string   { return i.ObjectID }
func resourceIDOf(i *identity) string { return i.ResourceID }

// choose returns the identity that the request names, or the first one. It never hands out one identity's tokens for
// another one that was asked for.
func choose(admitted []identity, query url.Values) (*identity, error) {
	chosen := &admitted[0]
	named := false
	for _, selector := range selectors {
		for _, wanted := range query[selector.parameter] {
			if wanted == "" {
				continue
			}
			found := find(admitted, selector.of, wanted)
			if found == nil {
				return nil, unknown(admitted, selector.parameter, wanted)
			}
			if named && found != chosen {
				return nil, fmt.Errorf("two identities are named: leave one out of %s", names(admitted))
			}
			chosen, named = found, true
		}
	}
	return chosen, nil
}

func find(admitted []identity, of func(*identity) string, wanted string) *identity {
	for i := range admitted {
		if strings.EqualFold(of(&admitted[i]), wanted) {
			return &admitted[i]
		}
	}
	return nil
}

func unknown(admitted []identity, parameter, wanted string) error {
	message := fmt.Sprintf("the identity with %s %q isn't served here: ", parameter, wanted)
	if served := names(admitted); served != "" {
		message += "ask for " + served + ", or leave " + parameter + " out"
	} else {
		message += "leave " + parameter + " out"
	}
	return errors.New(message + " (SDKs take it from AZURE_CLIENT_ID, Terraform from ARM_CLIENT_ID)")
}

// names lists the identities that can be asked for.
func names(admitted []identity) string {
	var list []string
	for i := range admitted {
		one := &admitted[i]
		if one.ClientID == "" && one.Name == "" {
			continue
		}
		list = append(list, strings.TrimSpace(one.Name+" client_id "+one.ClientID))
	}
	return strings.Join(list, " or ")
}
