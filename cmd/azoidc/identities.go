package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/azoidc/azoidc/tokenserver"
)

// An otherIdentity is served beside the job's own. What it leaves empty is as for that.
type otherIdentity struct {
	name, clientID, tenantID, connectionID string
}

// otherIdentities is a repeatable flag: NAME=CLIENT_ID[,tenant=T][,service-connection=ID].
type otherIdentities []otherIdentity

func (o *otherIdentities) String() string { return "" }

func (o *otherIdentities) Set(value string) error {
	head, settings, _ := strings.Cut(value, ",")
	name, clientID, ok := strings.Cut(head, "=")
	one := otherIdentity{name: strings.TrimSpace(name), clientID: strings.TrimSpace(clientID)}
	if !ok || one.name == "" || one.clientID == "" {
		return errors.New("an identity is something like hub=CLIENT_ID or hub=CLIENT_ID,tenant=TENANT_ID")
	}
	for setting := range strings.SplitSeq(settings, ",") {
		key, value, _ := strings.Cut(setting, "=")
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); {
		case setting == "" && settings == "":
		case value == "":
			return fmt.Errorf("an identity's settings are tenant=ID and service-connection=ID, not %q", setting)
		case key == "tenant":
			one.tenantID = value
		case key == "service-connection":
			one.connectionID = value
		default:
			return fmt.Errorf("an identity's settings are tenant=ID and service-connection=ID, not %q", setting)
		}
	}
	*o = append(*o, one)
	return nil
}

// as is the job's login as another identity.
func (l *login) as(o otherIdentity) *login {
	other := *l
	other.clientID = o.clientID
	if o.tenantID != "" {
		other.tenantID = o.tenantID
	}
	if o.connectionID != "" {
		other.connectionID = o.connectionID
	}
	return &other
}

// open makes the credentials of the other identities.
func (o otherIdentities) open(l *login) ([]holder, error) {
	var holders []holder
	for _, one := range o {
		cred, err := l.as(one).credential()
		if err != nil {
			return nil, fmt.Errorf("-identity %s: %w", oneLine(one.name), err)
		}
		holders = append(holders, holder{one.name, cred})
	}
	return holders, nil
}

// served are the identities with these holders, as the endpoint's options take them.
func (o otherIdentities) served(holders []holder) []tokenserver.Identity {
	var identities []tokenserver.Identity
	for i, one := range o {
		identities = append(identities, tokenserver.Identity{Name: one.name, ClientID: one.clientID, Credential: holders[i].cache})
	}
	return identities
}
