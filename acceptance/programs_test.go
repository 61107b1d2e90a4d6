package acceptance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// run runs a program in a job's environment, its own home in it, and returns what it prints.
func run(ctx context.Context, dir string, env map[string]string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	command.Dir = dir
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range env {
		command.Env = append(command.Env, name+"="+value)
	}
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// jobEnv is the job's environment on this machine: variable is how the program learns of the server's certificate.
func jobEnv(t *testing.T, server *azoidctest.Server, job map[string]string, variable string) map[string]string {
	t.Helper()
	home := t.TempDir()
	certificate := filepath.Join(home, "certificate.pem")
	require.NoError(t, os.WriteFile(certificate, server.CertificatePEM(), 0o600))
	env := map[string]string{"HOME": home, variable: certificate, "AZURE_AUTHORITY_HOST": server.Configuration().ActiveDirectoryAuthorityHost}
	for name, value := range job {
		env[name] = value
	}
	return env
}

func openKubeloginGitHub(t *testing.T, server *azoidctest.Server) getToken {
	return kubelogin(t, server, server.GitHubJob(nil).Env(), "workloadidentity", "--federated-token-file", "unused")
}

func openKubeloginPipelines(t *testing.T, server *azoidctest.Server) getToken {
	return kubelogin(t, server, server.PipelinesJob(nil).Env(), "azurepipelines")
}

func openKubeloginFile(t *testing.T, server *azoidctest.Server) getToken {
	return kubelogin(t, server, nil, "workloadidentity", "--federated-token-file", federatedTokenFile(t, server))
}

// kubelogin is a tool of this module: go tool builds it, once, at the version in go.mod but with this module's azidentity.
func kubelogin(t *testing.T, server *azoidctest.Server, job map[string]string, login string, args ...string) getToken {
	t.Helper()
	built, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "github.com/Azure/kubelogin").Output()
	require.NoError(t, err)
	program := strings.TrimSpace(string(built))
	env := jobEnv(t, server, job, "SSL_CERT_FILE")
	return func(ctx context.Context, scope string) (string, error) {
		args := append([]string{"get-token", "--login", login, "--server-id", strings.TrimSuffix(scope, "/.default"),
			"--tenant-id", server.TenantID(), "--client-id", server.ClientID(), "--authority-host", env["AZURE_AUTHORITY_HOST"],
			"--disable-instance-discovery", "--cache-dir", env["HOME"]}, args...)
		printed, err := run(ctx, "", env, program, args...)
		if err != nil {
			return "", err
		}
		var answer struct{ Status struct{ Token string } }
		err = json.Unmarshal([]byte(printed), &answer)
		return answer.Status.Token, err
	}
}

func openGetIDToken(t *testing.T, server *azoidctest.Server) getToken {
	return node(t, server, server.GitHubJob(nil).Env(), "getidtoken.js")
}

func openNodePipelines(t *testing.T, server *azoidctest.Server) getToken {
	return node(t, server, server.PipelinesJob(nil).Env(), "pipelines.js")
}

// node runs a script of the folder npm. Without Node or the packages the test fails: setup installs them.
func node(t *testing.T, server *azoidctest.Server, job map[string]string, script string) getToken {
	t.Helper()
	env := jobEnv(t, server, job, "NODE_EXTRA_CA_CERTS")
	return func(ctx context.Context, scope string) (string, error) {
		printed, err := run(ctx, "npm", env, "node", script, scope)
		if err != nil {
			return "", fmt.Errorf("%w\nhas setup been run?", err)
		}
		lines := strings.Split(strings.TrimSpace(printed), "\n")
		return lines[len(lines)-1], nil
	}
}
