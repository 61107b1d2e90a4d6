// Package ci knows the CI systems that hand out OIDC tokens to their jobs: how each is recognized, which variables it
// sets, what to do when one of them is missing, and how its log is told to mask a secret. An environment as a value is
// [Variables]. Adding a CI system here is one file with a [System], and its place in [Systems].
package ci

import (
	"slices"
	"strings"
)

// A System is a CI system that hands out OIDC tokens. There is one value of each, so pointers can be compared. They are
// never modified.
type System struct {
	// Name is what people call it.
	Name string
	// Credential is what AZURE_TOKEN_CREDENTIALS calls the credential for it.
	Credential string
	// Marker is the variable that is true in each of its jobs, also in those that may not request tokens.
	Marker string
	// RequestURL and RequestToken are the variables by which a job requests OIDC tokens.
	RequestURL, RequestToken string
	// TenantID and ClientID are the variables that hold the application's IDs; the first that is set counts.
	TenantID, ClientID []string
	// ConnectionID is the variable that holds the service connection's ID, "" in a system that has none.
	ConnectionID string
	// ChoosesAudience tells whether a job chooses the audience of its tokens.
	ChoosesAudience bool
	// ExportFile is the variable that names the file to which a step appends what [System.Export] returns; "" in a system
	// that takes it from the standard output.
	ExportFile string
	// TempFolder is the variable that names a folder whose files the system may read until the job's end, and removes then.
	TempFolder string
	// JobProcess is the name of the process that runs a job, and nothing but this one.
	JobProcess string
	// Tracking is the variable by which the system finds what a job has left running, to end it.
	Tracking string
	// StatusPage tells of the system's outages.
	StatusPage string
	// SummaryFile is the variable that names the file to which a step appends what its job's summary is to show, in
	// Markdown; "" in a system that is told of a file instead.
	SummaryFile string
	// Setup says what a job needs before it can request tokens.
	Setup string

	remedies map[string]string // what to do when the variable is missing
	lines    map[string]string // the line that sets the variable, where it isn't "NAME: value" in env
	mask     commandForm       // takes the secret as its data
	failure  commandForm       // takes a text
	warning  commandForm       // takes a text
	summary  commandForm       // takes a file's path; none in a system with a SummaryFile
	export   func(name, value string) string
}

// Systems returns all systems, in the order in which they are looked for.
func Systems() []*System { return []*System{GitHubActions, AzurePipelines} }

// Detect returns the system whose OIDC tokens are for this process to request: the one that AZURE_TOKEN_CREDENTIALS
// names, else the one whose request URL is there, else the one whose job this is. It returns nil outside CI. get returns
// a variable's value, "" for one that isn't set.
func Detect(get func(name string) string) *System {
	for _, isIt := range []func(*System) bool{
		func(s *System) bool { return s.Named(get("AZURE_TOKEN_CREDENTIALS")) },
		func(s *System) bool { return get(s.RequestURL) != "" },
		func(s *System) bool { return isTrue(get(s.Marker)) },
	} {
		if s := find(isIt); s != nil {
			return s
		}
	}
	return nil
}

// Running returns the system that runs this job, and so reads its log, whoever's tokens it may request; nil outside CI.
func Running(get func(name string) string) *System {
	return find(func(s *System) bool { return isTrue(get(s.Marker)) })
}

// Named tells whether credential, a value of AZURE_TOKEN_CREDENTIALS, selects s.
func (s *System) Named(credential string) bool { return strings.EqualFold(credential, s.Credential) }

// Credentials enumerates what AZURE_TOKEN_CREDENTIALS may name beside azidentity's own.
func Credentials() string {
	var names []string
	for _, s := range Systems() {
		names = append(names, s.Credential)
	}
	return list(names)
}

// Outside says what is missing where no system is detected, and what a job of each one needs.
func Outside() string {
	var variables, setups []string
	for _, s := range Systems() {
		variables = append(variables, s.RequestURL)
		setups = append(setups, "\n  "+s.Name+": "+s.Setup)
	}
	return "no CI system's OIDC tokens are here: neither " + strings.Join(variables, " nor ") + " is set." + strings.Join(setups, "")
}

func find(isIt func(*System) bool) *System {
	systems := Systems()
	if i := slices.IndexFunc(systems, isIt); i >= 0 {
		return systems[i]
	}
	return nil
}
