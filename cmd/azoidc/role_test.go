package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/proc"
)

// serviceVariable and tokensVariable tell the deploy role which service to call, and until it has seen how many tokens.
const (
	serviceVariable = "AZOIDC_TEST_SERVICE"
	tokensVariable  = "AZOIDC_TEST_TOKENS"
)

// play is the test binary as the command that azoidc exec runs.
func play(role string) int {
	var err error
	switch role {
	case "environment":
		err = json.NewEncoder(os.Stdout).Encode(os.Environ())
	case "nothing":
	case "wait":
		err = wait()
	case "signal":
		return tellSignals(proc.Signals()...)
	case "signals":
		return tellSignals(syscall.SIGTERM)
	case "leave":
		err = leave("wait-forever")
	case "leave-stubborn":
		err = leave("wait-stubbornly")
	case "family":
		if err = leave("wait-forever"); err == nil {
			stay()
		}
	case "wait-forever":
		stay()
	case "wait-stubbornly":
		signal.Ignore(proc.Signals()...)
		stay()
	case "deploy":
		err = deploy()
	case "issue":
		err = issue()
	case "ask once":
		err = askOnce()
	case "ask":
		err = ask()
	case "empty":
		err = answerNothing()
	default:
		err = errors.New("no such role")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		return 99
	}
	return 0
}

// wait tells its environment, in one line, and ends when its standard input does.
func wait() error {
	if err := json.NewEncoder(os.Stdout).Encode(os.Environ()); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// stay tells its ID and runs until it's killed.
func stay() {
	fmt.Println(os.Getpid())
	time.Sleep(time.Hour)
}

// tellSignals tells the signals that come, until one of these has.
func tellSignals(until ...os.Signal) int {
	came := make(chan os.Signal, 16)
	signal.Notify(came, proc.Signals()...)
	fmt.Println("ready")
	for sig := range came {
		fmt.Println(sig)
		if slices.Contains(until, sig) {
			break
		}
	}
	return 7
}

// leave leaves a process behind that has begun its role, and tells its ID.
func leave(role string) error {
	left := exec.Command(os.Args[0])
	left.Env = append(os.Environ(), roleVariable+"="+role)
	stdout, err := left.StdoutPipe()
	if err != nil {
		return err
	}
	if err := left.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	fmt.Print(line)
	return err
}

// deploy calls a service with the tokens of a managed identity, again and again, until it has had so many and the first is over.
func deploy() error {
	var want int
	if _, err := fmt.Sscan(os.Getenv(tokensVariable), &want); err != nil {
		return err
	}
	cred, err := azidentity.NewManagedIdentityCredential(nil)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var first time.Time // the end of the first one
	for tick := time.NewTicker(100 * time.Millisecond); len(seen) < want || time.Now().Before(first); <-tick.C {
		asked := time.Now()
		token, err := cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{vaultScope}})
		if err != nil {
			return err
		}
		if token.ExpiresOn.Add(rounding).Before(asked) {
			return errors.New("got a token that was over")
		}
		if len(seen) == 0 {
			first = token.ExpiresOn
		}
		seen[token.Token] = true
		if err := callService(os.Getenv(serviceVariable), token); err != nil {
			return err
		}
	}
	return nil
}

// rounding is how far apart two may be about the end of a token, which has whole seconds.
const rounding = time.Second

// callService fails if the service refuses a token that isn't over. On a busy machine one may end on its way.
func callService(service string, token azcore.AccessToken) error {
	r, err := http.NewRequest(http.MethodGet, service, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token.Token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, response.Body) // so that the connection is used again
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK && time.Now().Add(rounding).Before(token.ExpiresOn) {
		return errors.New(response.Status)
	}
	return nil
}

// askOnce prints what the endpoint answers, raw and as clients show it.
func askOnce() error {
	r, err := http.NewRequest(http.MethodGet, os.Getenv("IDENTITY_ENDPOINT")+"?api-version=2019-08-01&resource="+vault, nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-IDENTITY-HEADER", os.Getenv("IDENTITY_HEADER"))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n%s\n", body, answer.Message)
	return err
}

// ask waits for a line, and makes a thousand requests for tokens, each on a connection of its own.
func ask() error {
	if err := json.NewEncoder(os.Stdout).Encode(os.Environ()); err != nil {
		return err
	}
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i := range 1000 {
		r, err := http.NewRequest(http.MethodGet, os.Getenv("IDENTITY_ENDPOINT")+"?api-version=2019-08-01&resource="+vault, nil)
		if err != nil {
			return err
		}
		r.Header.Set("X-IDENTITY-HEADER", os.Getenv("IDENTITY_HEADER"))
		response, err := client.Do(r)
		if err != nil {
			return fmt.Errorf("request %d: %w", i, err)
		}
		answer, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			return fmt.Errorf("request %d: %s %s %w", i, response.Status, answer, err)
		}
	}
	return nil
}

// issue prints a new OIDC token, as the programs of some CI systems do.
func issue() error {
	jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		RequestURL: os.Getenv(issueURL), RequestToken: os.Getenv(issueToken),
	})(context.Background())
	fmt.Println(jwt)
	return err
}
