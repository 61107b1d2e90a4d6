package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

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
	case "flood":
		err = flood()
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

// deploy calls a service with the tokens of a managed identity, again and again, until it has had so many.
func deploy() error {
	service := os.Getenv(serviceVariable)
	var want int
	if _, err := fmt.Sscan(os.Getenv(tokensVariable), &want); err != nil {
		return err
	}
	cred, err := azidentity.NewManagedIdentityCredential(nil)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for tick := time.NewTicker(50 * time.Millisecond); len(seen) < want; <-tick.C {
		r, err := http.NewRequest(http.MethodGet, service, nil)
		if err != nil {
			return err
		}
		token, err := cred.GetToken(r.Context(), policy.TokenRequestOptions{Scopes: []string{vaultScope}})
		if err != nil {
			return err
		}
		seen[token.Token] = true
		r.Header.Set("Authorization", "Bearer "+token.Token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
	}
	return nil
}

// flood makes ten thousand requests at once, every second one with a wrong secret, and then one as others do.
func flood() error {
	const clients = 10000
	endpoint, err := url.Parse(os.Getenv("IDENTITY_ENDPOINT"))
	if err != nil {
		return err
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", endpoint.Host); err != nil {
			return err
		}
	}
	for i, conn := range conns {
		if err := ask(conn, endpoint, secretFor(i)); err != nil {
			return err
		}
	}
	for i, conn := range conns {
		answer, err := io.ReadAll(conn)
		if err != nil {
			return err
		}
		_ = conn.Close()
		if served := strings.Contains(string(answer), "access_token"); served != (i%2 == 0) {
			return fmt.Errorf("request %d: served %t: %.200s", i, served, answer)
		}
	}
	conn, err := net.Dial("tcp", endpoint.Host)
	if err != nil {
		return err
	}
	if err := ask(conn, endpoint, secretFor(0)); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if !strings.Contains(string(answer), "access_token") {
		return errors.New("the server didn't stay up")
	}
	return err
}

func secretFor(i int) string {
	secret := os.Getenv("IDENTITY_HEADER")
	if i%2 == 1 {
		return strings.Repeat("0", len(secret))
	}
	return secret
}

func ask(conn net.Conn, endpoint *url.URL, secret string) error {
	_, err := fmt.Fprintf(conn, "GET %s?api-version=2019-08-01&resource=%s HTTP/1.1\r\nHost: %s\r\nX-IDENTITY-HEADER: %s\r\nConnection: close\r\n\r\n",
		endpoint.Path, vault, endpoint.Host, secret)
	return err
}
