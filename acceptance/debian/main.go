// Command debian runs another command as a CI job on a local cloud whose tokens live for seconds, and tells what came of
// it. See the script run, which does that with the Azure clients of Debian.
//
//	debian NAME COMMAND [ARG...]
//	debian -header
//
// A line of a table is printed, in which NAME says what the command is; or the table's header.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// jobTimeout is far more than the job takes; the clients try again for minutes when something is wrong.
const jobTimeout = jobLength + 3*time.Minute

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-header" {
		fmt.Println(header())
		return
	}
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: debian NAME COMMAND [ARG...]\n       debian -header")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	outcome, err := run(ctx, os.Args[2], os.Args[3:])
	fmt.Println(outcome.row(os.Args[1], err))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, args []string) (outcome, error) {
	home, err := os.MkdirTemp("", "azoidc-debian-")
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = os.RemoveAll(home) }()
	c := newCloud()
	defer c.server.Close()
	certificate := filepath.Join(home, "certificate.pem")
	if err := os.WriteFile(certificate, c.server.CertificatePEM(), 0o600); err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr // the standard output is for the result
	command.Env = append(os.Environ(), c.env(home, certificate)...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	failed := command.Run()
	reached := c.outcome()
	if failed != nil {
		return reached, failed
	}
	return reached, reached.check()
}
