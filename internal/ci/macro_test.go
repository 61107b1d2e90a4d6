package ci_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/ci"
)

func TestIsMacro(t *testing.T) {
	for value, want := range map[string]bool{
		"$(System.AccessToken)": true, " $(System.AccessToken)\n": true, "$(my variable-1)": true, "$[variables.a]": true,
		"${{ secrets.AZURE_CLIENT_ID }}": true, "${{vars.a}}": true,
		"": false, "$": false, "$()": false, "$(a": false, "x$(a)": false, "$(a)x": false, "$(a)$(b)": false, "${a}": false, "{{ a }}": false,
		"$(rm -rf /; true)": false, "$(a\n::b)": false, "${{ a\nb }}": false, "eyJ.a.b": false, "${{ ##vso[task.x]a }}": false, "$[##a]": false,
	} {
		require.Equal(t, want, ci.IsMacro(value), "%q", value)
	}
}

func TestUnexpanded(t *testing.T) {
	for macro, setting := range map[string]string{
		"$(System.AccessToken)": "SYSTEM_ACCESSTOKEN", "$(clientId)": "AZURE_CLIENT_ID", "${{ secrets.ID }}": "AZURE_CLIENT_ID",
	} {
		problem, remedy := ci.Unexpanded(setting, macro)
		require.Equal(t, setting+" is literally "+macro+": the macro wasn't expanded", problem)
		require.Contains(t, remedy, "'env: "+setting+": ")
	}
	_, remedy := ci.Unexpanded("AZURE_CLIENT_ID", " ${{ vars.ID }}\n")
	require.Contains(t, remedy, "evaluated only in the workflow's")
	_, remedy = ci.Unexpanded("AZURE_CLIENT_ID", "$(id)")
	require.Contains(t, remedy, "define it in the pipeline")
	_, remedy = ci.Unexpanded("SYSTEM_ACCESSTOKEN", "$(System.AccessToken)")
	require.Contains(t, remedy, "'env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)'")
}
