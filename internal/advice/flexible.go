package advice

import (
	"regexp"
	"strings"
)

// A FlexibleCredential is a federated identity credential with a claims matching expression in place of a subject.
// Entra has it for applications only, for github.com's own issuer, and demands repository_id or repository_owner_id in
// the expression.
// https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials
type FlexibleCredential struct {
	Expression string
	Reason     string // why the subject asks for it
	credential FederatedCredential
}

// Subjects of which a job presents another one each time, or one of many.
var (
	mergeQueue = regexp.MustCompile(`^(.*:ref:refs/heads/gh-readonly-queue/.*/)pr-\d+-[0-9a-f]+$`)
	tagged     = regexp.MustCompile(`^(.*:ref:refs/tags/)[^*]+$`)
	numbered   = regexp.MustCompile(`^(.*:environment:(?:[^:]*[-_./]|pr))\d+$`)
	versioned  = regexp.MustCompile(`^(.*:job_workflow_ref:[^@]+@)[^*]+$`)
)

// Flexible returns the flexible credential that the subject's shape asks for, if it does.
func Flexible(p Presented, exchangeAudience string) (FlexibleCredential, bool) {
	if p.Issuer != gitHubIssuer || p.RepositoryID == "" || exchangeAudience != PublicAudience {
		return FlexibleCredential{}, false
	}
	for _, shape := range []struct {
		subject *regexp.Regexp
		reason  string
	}{
		{mergeQueue, "a merge queue presents another subject at each run"},
		{versioned, "the subject names the ref of a reusable workflow, so that each of its versions presents another one"},
		{tagged, "each tag presents another subject"},
		{numbered, "the environment has a number, and each number presents another subject"},
	} {
		if m := shape.subject.FindStringSubmatch(p.Subject); m != nil {
			return flexible(p, exchangeAudience, m[1]+"*", claim("sub", "matches", m[1]+"*"), shape.reason), true
		}
	}
	if workflow, called := reusable(p); called {
		return flexible(p, exchangeAudience, p.Subject+":"+workflow, claim("sub", "eq", p.Subject)+" and "+claim("job_workflow_ref", "matches", workflow+"@*"),
			"the job runs in another repository's workflow, which a claims matching expression can demand"), true
	}
	return FlexibleCredential{}, false
}

func flexible(p Presented, exchangeAudience, named, expression, reason string) FlexibleCredential {
	expression += " and " + claim("repository_id", "eq", p.RepositoryID)
	return FlexibleCredential{expression, reason, FederatedCredential{
		Name: credentialName(p.Issuer, named), Issuer: p.Issuer, Audience: registeredAudience(p.Audience, exchangeAudience),
	}}
}

func claim(name, operator, value string) string {
	return "claims['" + name + "'] " + operator + " '" + strings.ReplaceAll(value, "'", "''") + "'"
}

// reusable returns the workflow that the job runs in when it is another repository's.
func reusable(p Presented) (workflow string, called bool) {
	workflow, _, found := strings.Cut(p.JobWorkflowRef, "@")
	m := namedSubject.FindStringSubmatch(p.Subject)
	if im := immutableSubject.FindStringSubmatch(p.Subject); im != nil {
		m = []string{"", im[1], im[3]}
	}
	return workflow, found && m != nil && !strings.HasPrefix(workflow, m[1]+"/"+m[2]+"/")
}

// ForApplication returns the command line that creates it. Azure CLI has no other command for it.
func (c FlexibleCredential) ForApplication(clientID string) string {
	if clientID == "" {
		clientID = "CLIENT_ID"
	}
	return `az rest --method post --url "https://graph.microsoft.com/beta/applications(appId='` + escaped(clientID) + `')/federatedIdentityCredentials" --body ` +
		literal("name", c.credential.Name, "issuer", c.credential.Issuer, "audiences", []string{c.credential.Audience},
			"claimsMatchingExpression", member(object("value", c.Expression, "languageVersion", 1)))
}
