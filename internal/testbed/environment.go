// Package testbed is the world that tests run in: an environment that is nobody's, hostile texts and how CI systems take
// them, a terminal, a tunnel, a storm of connections. It imports nothing of this module, so that the test program of a
// package that needs no credential has none in it.
package testbed

import (
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// ForgetEnvironment unsets every variable by which a user, a CI system or a proxy could change what tests see. The TestMain
// of each package calls it, so that tests pass whoever runs them, and under "azoidc exec" or nohup, too.
func ForgetEnvironment() {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); somebodys(name) {
			_ = os.Unsetenv(name) // a name that the system handed out can be unset
		}
	}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(sig) { // as under nohup, and in the background of a shell: whatever a test starts would ignore it, too
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
}

// CollectLess collects garbage less often: tests allocate much and hold little, and a fifth of their time would go into it.
func CollectLess() { debug.SetGCPercent(800) }

// Run is a TestMain that forgets the environment and collects less.
func Run(m *testing.M) {
	ForgetEnvironment()
	CollectLess()
	os.Exit(m.Run())
}

// NotShort skips a test with -short, which is for tests that compute: why tells what takes this one long.
func NotShort(t *testing.T, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: " + why)
	}
}

func somebodys(name string) bool {
	name = strings.ToUpper(name)
	for _, prefix := range []string{
		"ACTIONS_", "GITHUB_", "RUNNER_", "SYSTEM_", "AGENT_", "TF_BUILD", "AZURE", "AZD_", "AZOIDC_AUDIENCE", "AZOIDC_DISABLE", "AZOIDC_ASSERTION_",
		"ARM_", "IDENTITY_", "IMDS_", "MSI_", "MSAL_", "REGION_NAME", "DEFAULT_IDENTITY_CLIENT_ID", "APPSETTING_WEBSITE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// OutsideCI forgets the environment until the test ends, which may set variables of its own.
func OutsideCI(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); somebodys(name) {
			t.Setenv(name, value) // so that it's restored
			require.NoError(t, os.Unsetenv(name))
		}
	}
}

// SetEnv sets variables until the test ends.
func SetEnv(t *testing.T, env map[string]string) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// OnALaptop is OutsideCI where nobody has signed in: azidentity's chain starts Azure CLI and its like if they are
// installed, wherever PATH leads, and they must neither find this user's sign-in nor write to it.
func OnALaptop(t *testing.T) {
	t.Helper()
	OutsideCI(t)
	home := t.TempDir()
	for _, name := range []string{"HOME", "USERPROFILE", "AZURE_CONFIG_DIR", "AZD_CONFIG_DIR"} {
		t.Setenv(name, home)
	}
	t.Setenv("PATH", t.TempDir()) // a shell has a path of its own in place of an empty one
}
