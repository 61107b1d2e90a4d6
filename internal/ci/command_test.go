package ci_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

func TestMask(t *testing.T) {
	const jwt = "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJtZSJ9.c2ln-_"
	require.Equal(t, "::add-mask::"+jwt, ci.GitHubActions.Mask(jwt))
	require.Equal(t, "##vso[task.setsecret]"+jwt, ci.AzurePipelines.Mask(jwt))
}

// A secret with characters that end or change the command is masked whole.
func TestMaskEscapes(t *testing.T) {
	const secret = "a%0Ab;c]d\r\ne"
	require.Equal(t, "::add-mask::a%250Ab;c]d%0D%0Ae", ci.GitHubActions.Mask(secret))
	require.Equal(t, "##vso[task.setsecret]a%AZP250Ab%3Bc%5Dd%0D%0Ae", ci.AzurePipelines.Mask(secret))
}

func TestAnnotations(t *testing.T) {
	require.Equal(t, "::error title=azoidc::50%25%0A::b", ci.GitHubActions.Failure("50%\n::b"))
	require.Equal(t, "::warning title=azoidc::w", ci.GitHubActions.Warning("w"))
	require.Equal(t, "##vso[task.logissue type=error]a%5D%3Bb", ci.AzurePipelines.Failure("a];b"))
	require.Equal(t, "##vso[task.logissue type=warning]w", ci.AzurePipelines.Warning("w"))
	require.Equal(t, "##vso[task.uploadsummary]/agent/a b.md", ci.AzurePipelines.Summary("/agent/a b.md"))
	require.Empty(t, ci.GitHubActions.Summary("/agent/a.md"))
	require.Equal(t, "GITHUB_STEP_SUMMARY", ci.GitHubActions.SummaryFile)
	require.Empty(t, ci.AzurePipelines.SummaryFile)
}
