package advice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

func TestOtherSubject(t *testing.T) {
	for given, want := range map[string]string{
		"repo:octo-org@123/octo-repo@456:ref:refs/heads/main":                                            " repo:octo-org/octo-repo:ref:refs/heads/main and doesn't match any more",
		"repo:o@123/r@456:environment:prod:job_workflow_ref:o/w/.github/workflows/a.yml@refs/heads/main": " repo:o/r:environment:prod:job_workflow_ref:o/w/.github/workflows/a.yml@refs/heads/main and",
		"repo:octo-org/octo-repo:pull_request":                                                           " repo:octo-org@123/octo-repo@456:pull_request, which",
	} {
		require.Contains(t, advice.OtherSubject(presented(given)), want)
	}
	for _, given := range []string{"repository_owner_id:123:repository_id:456:ref:refs/heads/main", "sc://o/p/c", ""} {
		require.Empty(t, advice.OtherSubject(presented(given)))
	}
	for _, id := range [][2]string{{}, {"1", ""}, {"", "2"}} {
		p := advice.Presented{Issuer: github, Subject: "repo:o/r:pull_request", RepositoryID: id[0], RepositoryOwnerID: id[1]}
		require.Empty(t, advice.OtherSubject(p), "the IDs aren't known")
	}
	require.Empty(t, advice.OtherSubject(advice.Presented{Issuer: "https://ghes.example/_services/token", Subject: "repo:o/r:pull_request",
		RepositoryID: "1", RepositoryOwnerID: "2"}), "GitHub Enterprise Server has one form")
}

func TestFlexible(t *testing.T) {
	const id = " and claims['repository_id'] eq '456'"
	for subject, want := range map[string]string{
		"repo:o/r:ref:refs/heads/gh-readonly-queue/main/pr-13-7b1f002b00ec":  "claims['sub'] matches 'repo:o/r:ref:refs/heads/gh-readonly-queue/main/*'" + id,
		"repo:o@1/r@2:ref:refs/tags/v1.2.3":                                  "claims['sub'] matches 'repo:o@1/r@2:ref:refs/tags/*'" + id,
		"repo:o/r:environment:pr-17":                                         "claims['sub'] matches 'repo:o/r:environment:pr-*'" + id,
		"repo:o/r:environment:it's-17":                                       "claims['sub'] matches 'repo:o/r:environment:it''s-*'" + id,
		"repo:o/r:job_workflow_ref:o/w/.github/workflows/a.yml@refs/tags/v1": "claims['sub'] matches 'repo:o/r:job_workflow_ref:o/w/.github/workflows/a.yml@*'" + id,
		"repo:o/r:environment:production":                                    "", // protected on its own
		"repo:o/r:environment:prod2":                                         "",
		"repo:o/r:ref:refs/heads/main":                                       "",
		"repo:o/r:pull_request":                                              "",
	} {
		c, asked := advice.Flexible(presented(subject), advice.PublicAudience)
		require.Equal(t, want != "", asked, subject)
		require.Equal(t, want, c.Expression)
		require.Equal(t, asked, c.Reason != "")
	}
}

func TestFlexibleForAReusableWorkflow(t *testing.T) {
	p := presented("repo:o@1/r@2:ref:refs/heads/main")
	p.JobWorkflowRef = "o/r/.github/workflows/deploy.yml@refs/heads/main"
	_, asked := advice.Flexible(p, advice.PublicAudience)
	require.False(t, asked, "its own workflow")
	p.JobWorkflowRef = "o/shared/.github/workflows/deploy.yml@refs/heads/main"
	c, asked := advice.Flexible(p, advice.PublicAudience)
	require.True(t, asked)
	require.Equal(t, "claims['sub'] eq 'repo:o@1/r@2:ref:refs/heads/main' and "+
		"claims['job_workflow_ref'] matches 'o/shared/.github/workflows/deploy.yml@*' and claims['repository_id'] eq '456'", c.Expression)
}

// TestWhereThereIsNoFlexibleCredential: other issuers, other clouds, and tokens that don't say the repository's ID.
func TestWhereThereIsNoFlexibleCredential(t *testing.T) {
	p := presented("repo:o/r:ref:refs/tags/v1")
	_, asked := advice.Flexible(p, "api://AzureADTokenExchangeUSGov")
	require.False(t, asked)
	p.Issuer += "/enterprise"
	_, asked = advice.Flexible(p, advice.PublicAudience)
	require.False(t, asked)
	p = presented("repo:o/r:ref:refs/tags/v1")
	p.RepositoryID = ""
	_, asked = advice.Flexible(p, advice.PublicAudience)
	require.False(t, asked)
}

func TestFlexibleCommand(t *testing.T) {
	c, _ := advice.Flexible(presented("repo:o/r:ref:refs/tags/v1"), advice.PublicAudience)
	require.Regexp(t, `^az rest --method post --url "https://graph\.microsoft\.com/beta/applications\(appId='`+clientID+`'\)/federatedIdentityCredentials" `+
		`--body "\{'name':'repo-o-r-ref-refs-tags-[0-9a-f]{8}','issuer':'`+github+`','audiences':\['api://AzureADTokenExchange'\],`+
		`'claimsMatchingExpression':\{'value':'claims\[\\'sub\\'\] matches \\'repo:o/r:ref:refs/tags/\*\\' and claims\[\\'repository_id\\'\] eq \\'456\\'','languageVersion':1\}\}"$`,
		c.ForApplication(clientID))
	require.Contains(t, c.ForApplication(""), "(appId='CLIENT_ID')")
}

func TestAbout(t *testing.T) {
	require.Contains(t, advice.About(presented("repo:o/r:environment:production")), "each needs a credential of its own")
	require.Contains(t, advice.About(advice.Presented{Subject: "sc://org/project/connection"}), "renaming")
	require.Contains(t, advice.About(advice.Presented{Subject: "/eid1/c/pub/t/a/a/b/sc/1/2"}), "https://vstoken.dev.azure.com")
	for _, subject := range []string{"repo:o/r:pull_request", "repo:o/sc:ref:refs/heads/a/sc/b", "/eid1/c/pub/t/a/a/b/mi/1"} {
		require.Empty(t, advice.About(presented(subject)))
	}
}

func TestRetiring(t *testing.T) {
	const old = "https://vstoken.dev.azure.com/11111111-0000-0000-0000-000000000000"
	require.Contains(t, advice.Retiring(old, advice.PublicAudience), "retires on 2027-07-01")
	require.Contains(t, advice.Retiring(old, advice.PublicAudience), "convert-service-connections")
	require.Empty(t, advice.Retiring(old, "api://AzureADTokenExchangeUSGov"), "the public cloud only")
	require.Empty(t, advice.Retiring("https://login.microsoftonline.com/t/v2.0", advice.PublicAudience))
}
