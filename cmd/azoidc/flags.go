package main

import (
	"errors"
	"flag"
	"io"
	"strings"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
)

func newFlagSet(command string) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // misused and help do the talking
	return flags
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

// repeatable registers a flag that adds to a list each time.
func repeatable(flags *flag.FlagSet, list *[]string, name, example string) {
	flags.Func(name, "", func(value string) error {
		if value = strings.TrimSpace(value); value == "" {
			return errors.New(example)
		}
		*list = append(*list, value)
		return nil
	})
}

func scopeFlag(flags *flag.FlagSet, scopes *[]string) {
	repeatable(flags, scopes, "scope", "a scope is something like https://vault.azure.net/.default")
}

// form is a flag with a few values, the first of which is the default.
type form struct {
	value  string
	values []string
}

func newForm(values ...string) *form { return &form{value: values[0], values: values} }

func (f *form) register(flags *flag.FlagSet) { flags.Func("o", "", f.choose) }

func (f *form) choose(value string) error {
	for _, known := range f.values {
		if value == known {
			f.value = value
			return nil
		}
	}
	return errors.New("it is one of " + strings.Join(f.values, ", "))
}

// supplyFlags say how programs are supplied with tokens.
type supplyFlags struct {
	scopes           []string
	tokenFile        bool
	keepRequestToken bool
	container        bool
	requestEndpoint  bool
	audiences        []string // beside Entra's
	identities       login.Identities
}

func (s *supplyFlags) register(flags *flag.FlagSet) {
	scopeFlag(flags, &s.scopes)
	flags.BoolVar(&s.tokenFile, "token-file", false, "")
	flags.BoolVar(&s.keepRequestToken, "keep-request-token", false, "")
	flags.BoolVar(&s.container, "container", false, "")
	flags.BoolVar(&s.requestEndpoint, "request-endpoint", false, "")
	repeatable(flags, &s.audiences, "allow-audience", "an audience is something like sigstore")
	flags.Var(&s.identities, "identity", "")
}

func (s *supplyFlags) check() error {
	switch {
	case s.tokenFile && s.container:
		return errors.New("-container is about an endpoint, and -token-file has none")
	case s.tokenFile && s.requestEndpoint:
		return errors.New("-token-file serves nothing: leave it out, or -request-endpoint")
	case s.tokenFile && len(s.identities) > 0:
		return errors.New("-token-file is for one identity: leave it out, or -identity")
	case len(s.audiences) > 0 && !s.requestEndpoint:
		return errors.New("-allow-audience is of -request-endpoint, which is missing")
	}
	return nil
}
