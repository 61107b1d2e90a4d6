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
