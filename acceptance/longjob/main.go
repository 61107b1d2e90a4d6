// Command longjob runs another command as a CI job on a local cloud whose tokens live for seconds, and tells what came of
// it. The scripts debian/run, packer/run, terraform/run and tools/run do that with tools that are too large for this module's tests.
//
//	longjob [-pipelines] [-hosts] [-exchanges] NAME COMMAND [ARG...]
//	longjob -header
//
// A line of a table is printed, in which NAME says what the command is; or the table's header. The job is one of GitHub
// Actions, or with -pipelines of Azure Pipelines. With -hosts, a proxy leads to the cloud at Azure's own host names, such as
// management.azure.com and octostate.blob.core.windows.net. With -exchanges, the command exchanges OIDC tokens itself, as often
// as it likes.
package main

import (
	"context"
	"flag"
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
	flags := flag.NewFlagSet("longjob", flag.ContinueOnError)
	wantsHeader := flags.Bool("header", false, "print the table's header")
	pipelines := flags.Bool("pipelines", false, "be a job of Azure Pipelines")
	hosts := flags.Bool("hosts", false, "lead to the cloud at Azure's own host names")
	exchanges := flags.Bool("exchanges", false, "the command exchanges OIDC tokens itself")
	if err := flags.Parse(os.Args[1:]); err != nil {
		os.Exit(2)
	}
	if *wantsHeader {
		fmt.Println(header())
		return
	}
	if flags.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: longjob [-pipelines] [-hosts] [-exchanges] NAME COMMAND [ARG...]\n       longjob -header")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	outcome, err := run(ctx, job{*pipelines, *hosts, *exchanges, flags.Args()[1:]})
	fmt.Println(outcome.row(flags.Arg(0), err))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A job is what the command line asks for.
type job struct {
	pipelines, hosts, exchanges bool
	command                     []string
}

func run(ctx context.Context, j job) (outcome, error) {
	home, err := os.MkdirTemp("", "azoidc-longjob-")
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
	command := exec.CommandContext(ctx, j.command[0], j.command[1:]...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr // the standard output is for the result
	command.Env = append(os.Environ(), c.env(home, certificate, j.pipelines)...)
	if j.hosts {
		proxy, err := newProxy(c.server.URL)
		if err != nil {
			return outcome{}, err
		}
		defer proxy.Close()
		command.Env = append(command.Env, "HTTPS_PROXY="+proxy.URL, "https_proxy="+proxy.URL)
	}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	failed := command.Run()
	reached := c.outcome()
	if failed != nil {
		return reached, failed
	}
	return reached, reached.check(j.exchanges)
}
