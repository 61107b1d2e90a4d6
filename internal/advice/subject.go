package advice

import (
	"regexp"
	"strings"
)

// An immutable subject has the IDs of the owner and the repository behind their names.
// https://docs.github.com/actions/reference/security/oidc#immutable-subject-claims
var (
	immutableSubject = regexp.MustCompile(`^repo:([^@/:]+)@(\d+)/([^@/:]+)@(\d+)(:.*)$`)
	namedSubject     = regexp.MustCompile(`^repo:([^@/:]+)/([^@/:]+)(:.*)$`)
	gitHubIssuer     = "https://token.actions.githubusercontent.com"
)

const immutableGuide = "https://learn.microsoft.com/entra/workload-id/workload-identities-github-immutable-subjects"

// OtherSubject tells of the subject in the other of GitHub's two forms, which a credential may hold, and what happened;
// nothing of a subject that has one form only.
func OtherSubject(p Presented) string {
	if m := immutableSubject.FindStringSubmatch(p.Subject); m != nil {
		return "a credential from before holds repo:" + m[1] + "/" + m[3] + m[5] + " and doesn't match any more: since 2026-07-15 GitHub puts the IDs of " +
			"owner and repository into the subjects of repositories that are created, renamed or transferred, or opt in. " +
			"Create the new credential beside the old one, then delete that: " + immutableGuide
	}
	m := namedSubject.FindStringSubmatch(p.Subject)
	if m == nil || p.RepositoryID == "" || p.RepositoryOwnerID == "" || !strings.HasPrefix(p.Issuer, gitHubIssuer) {
		return ""
	}
	return "a credential that the Azure portal made lately may hold repo:" + m[1] + "@" + p.RepositoryOwnerID + "/" + m[2] + "@" + p.RepositoryID + m[3] +
		", which this repository doesn't present until it is renamed, transferred or opted in to immutable subjects: " + immutableGuide
}

// About says what is known to change a subject of this form; nothing when nothing is.
func About(p Presented) string {
	switch {
	case strings.HasPrefix(p.Subject, "sc://"):
		return "the subject names organization, project and service connection: renaming one of them changes it"
	case strings.Contains(p.Subject, "/sc/") && strings.HasPrefix(p.Subject, "/eid1/"):
		return "the service connection uses Entra's issuer: a credential from before its conversion holds issuer https://vstoken.dev.azure.com/… " +
			"and subject sc://ORGANIZATION/PROJECT/CONNECTION, and doesn't match"
	case strings.HasPrefix(p.Issuer, gitHubIssuer) && strings.Contains(p.Subject, ":environment:"):
		// A job makes an environment by naming it, so a pattern for all of them would go past the protection of each.
		return "the subject names the environment: each needs a credential of its own, unless environments of the same protection share a flexible one, " +
			"see " + flexibleGuide
	}
	return ""
}

const flexibleGuide = "https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials"

const convertGuide = "https://learn.microsoft.com/azure/devops/pipelines/release/convert-service-connections"

// Retiring says that the issuer ends, when it does, and what to do until then; nothing for any other issuer. It ends in
// the public cloud only.
func Retiring(issuer, exchangeAudience string) string {
	if !strings.HasPrefix(issuer, "https://vstoken.dev.azure.com/") || exchangeAudience != PublicAudience {
		return ""
	}
	return "the issuer https://vstoken.dev.azure.com retires on 2027-07-01 for single-tenant applications and managed identities: " +
		"convert the service connection to Entra's issuer, see " + convertGuide
}
