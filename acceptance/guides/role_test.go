package guides_test

import (
	"context"
	"fmt"
	"os"

	"github.com/stretchr/testify/require"
)

// A role is what this program does in a job, where it has the job's environment and the default transport.
type role func(context.Context) error

const roleVariable = "AZOIDC_GUIDES_ROLE"

func roleOf(name string) role {
	tenantID, clientID := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	switch name {
	case "static by azidentity":
		return getsToken(azidentitysStatic)
	case "static":
		return func(ctx context.Context) error { return static(ctx, tenantID, clientID, os.Getenv("OIDC_TOKEN")) }
	case "GitHub":
		return getsToken(gitHub)
	case "GitHub by azidentity":
		return getsToken(azidentitysWithSource)
	case "several tenants":
		return func(ctx context.Context) error {
			return severalTenants(ctx, tenantID, clientID, customerTenant, customerClient)
		}
	case "one application":
		return func(ctx context.Context) error { return oneApplication(ctx, tenantID, clientID, customerTenant) }
	}
	return func(context.Context) error { return fmt.Errorf("no role %q", name) }
}

func play(name string) int {
	if err := roleOf(name)(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// inJob runs a role in the job.
func (j *job) inJob(name string) {
	j.t.Helper()
	self, err := os.Executable()
	require.NoError(j.t, err)
	j.env[roleVariable] = name
	defer delete(j.env, roleVariable)
	printed, err := j.run(self)
	require.NoError(j.t, err, "%s: %s", name, printed)
}
