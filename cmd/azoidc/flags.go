package main

import (
	"errors"
	"flag"
	"io"
	"strings"

	"github.com/azoidc/azoidc/internal/ci"
)

// commonFlags are those of every command. What is left out, the environment tells.
type commonFlags struct {
	tenantID, clientID, connectionID, audience, authorityHost string
	assertionCommand, assertionFile                           string
	folder                                                    string // where they are meant; "": the program's own

	disableInstanceDiscovery bool
}

func newFlagSet(command string) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // misused and help do the talking
	return flags
}

func (c *commonFlags) register(flags *flag.FlagSet, env environment) {
	flags.StringVar(&c.tenantID, "tenant-id", "", "")
	flags.StringVar(&c.clientID, "client-id", "", "")
	flags.StringVar(&c.connectionID, "service-connection-id", env.get(ci.AzurePipelines.ConnectionID), "")
	flags.StringVar(&c.audience, "audience", env.get("AZOIDC_AUDIENCE"), "")
	flags.StringVar(&c.authorityHost, "authority-host", env.get("AZURE_AUTHORITY_HOST"), "")
	flags.StringVar(&c.assertionCommand, "assertion-command", env.get("AZOIDC_ASSERTION_COMMAND"), "")
	flags.StringVar(&c.assertionFile, "assertion-file", env.get("AZOIDC_ASSERTION_FILE"), "")
	flags.BoolVar(&c.disableInstanceDiscovery, "disable-instance-discovery", env.isTrue("AZOIDC_DISABLE_INSTANCE_DISCOVERY"), "")
}

// parse returns false when the run is over, with its exit status.
func (p *program) parse(flags *flag.FlagSet, args []string) (status int, ok bool) {
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return p.help(flags.Name()), false
	case err != nil:
		return p.misused(flags.Name(), err), false
	}
	return exitWell, true
}

// scopes is a repeatable flag.
type scopes []string

func (s *scopes) String() string { return strings.Join(*s, " ") }

func (s *scopes) Set(scope string) error {
	return addTo(s, scope, "a scope is something like https://vault.azure.net/.default")
}

// audiences is a repeatable flag.
type audiences []string

func (a *audiences) String() string { return strings.Join(*a, " ") }

func (a *audiences) Set(audience string) error {
	return addTo(a, audience, "an audience is something like sigstore")
}

func addTo[list ~[]string](l *list, value, example string) error {
	if value = strings.TrimSpace(value); value == "" {
		return errors.New(example)
	}
	*l = append(*l, value)
	return nil
}

// form is a flag with a few values, the first of which is the default.
type form struct {
	value  string
	values []string
}

func newForm(values ...string) *form { return &form{value: values[0], values: values} }

func (f *form) String() string { return f.value }

func (f *form) Set(value string) error {
	for _, known := range f.values {
		if value == known {
			f.value = value
			return nil
		}
	}
	return errors.New("it is one of " + strings.Join(f.values, ", "))
}
