// Command packer does with a plugin what Packer does: it starts the plugin, and has its data source keyvaultsecret read a
// secret again and again, for as long as the job lasts. Packer itself is no Go module that can be built.
//
//	packer PLUGIN
//
// The configuration is what a template of docs/terraform.md's has, by the environment's variables.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/plugin"
	"github.com/hashicorp/packer-plugin-sdk/rpc"
)

const (
	kind, name = "datasource", "keyvaultsecret"
	pause      = 2 * time.Second
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: packer PLUGIN")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string) error {
	length, err := time.ParseDuration(os.Getenv("JOB_SECONDS") + "s")
	if err != nil {
		return err
	}
	running, client, err := start(ctx, program)
	if err != nil {
		return err
	}
	err = readAgainAndAgain(ctx, client.Datasource(), length)
	_ = client.Close()
	_ = running.Process.Kill() // Packer, too, ends plugins that it has no use for any more
	_ = running.Wait()         // its error is that
	return err
}

// start returns when the plugin listens. It tells so in a line, whose fields a | parts.
func start(ctx context.Context, program string) (*exec.Cmd, *rpc.Client, error) {
	command := exec.CommandContext(ctx, program, "start", kind, name, "--protobuf")
	command.Env = append(os.Environ(), plugin.MagicCookieKey+"="+plugin.MagicCookieValue, "PACKER_PLUGIN_MIN_PORT=10000", "PACKER_PLUGIN_MAX_PORT=25000")
	command.Stderr = os.Stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := command.Start(); err != nil {
		return nil, nil, err
	}
	client, err := connect(bufio.NewReader(stdout))
	if err != nil {
		_ = command.Process.Kill()
		return nil, nil, errors.Join(err, command.Wait())
	}
	return command, client, nil
}

func connect(stdout *bufio.Reader) (*rpc.Client, error) {
	line, err := stdout.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) != 4 || fields[0] != plugin.APIVersionMajor {
		return nil, fmt.Errorf("the plugin said %q", line)
	}
	connection, err := net.Dial(fields[2], fields[3])
	if err != nil {
		return nil, err
	}
	client, err := rpc.NewClient(connection)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	client.UseProto = true
	return client, nil
}

func readAgainAndAgain(ctx context.Context, secret packer.Datasource, length time.Duration) error {
	err := secret.Configure(map[string]any{
		"client_id":          os.Getenv("ARM_CLIENT_ID"),
		"tenant_id":          os.Getenv("ARM_TENANT_ID"),
		"subscription_id":    os.Getenv("SUBSCRIPTION_ID"),
		"oidc_request_url":   os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"),
		"oidc_request_token": os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
		"vault_name":         "octo",
		"secret_name":        "image-password",
	})
	if err != nil {
		return err
	}
	for end := time.Now().Add(length); time.Now().Before(end); {
		value, err := secret.Execute()
		if err != nil {
			return err
		}
		if got := value.GetAttr("value").AsString(); got != os.Getenv("ARM_CLIENT_ID") {
			return fmt.Errorf("the secret is %q: another application asked for it", got)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}
