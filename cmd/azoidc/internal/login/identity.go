package login

import (
	"errors"
	"fmt"
	"strings"
)

// An Identity is served beside the job's own. What it leaves empty is as for that.
type Identity struct {
	Name, ClientID, tenantID, connectionID string
}

// Identities is a repeatable flag: NAME=CLIENT_ID[,tenant=T][,service-connection=ID].
type Identities []Identity

// String implements [flag.Value].
func (o *Identities) String() string { return "" }

// Set implements [flag.Value].
func (o *Identities) Set(value string) error {
	head, settings, _ := strings.Cut(value, ",")
	name, clientID, ok := strings.Cut(head, "=")
	one := Identity{Name: strings.TrimSpace(name), ClientID: strings.TrimSpace(clientID)}
	if !ok || one.Name == "" || one.ClientID == "" {
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

// As is the job's login as another identity.
func (l *Login) As(o Identity) *Login {
	other := *l
	other.ClientID = o.ClientID
	if o.tenantID != "" {
		other.TenantID = o.tenantID
	}
	if o.connectionID != "" {
		other.connectionID = o.connectionID
	}
	return &other
}
