package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hop is what each request to a service takes in the benchmarks of a start: without it, they would tell of processes only.
const hop = 50 * time.Millisecond

// BenchmarkStart is the time from start to ready, first token included, beside that of "azoidc token", which is the cold
// exchange in a process of its own, where there is no log to wait for. The shortest of each counts, for what else the machine
// does only adds to them.
func BenchmarkStart(b *testing.B) {
	for _, latency := range []time.Duration{0, hop} {
		cloud := newServer(b, nil)
		cloud.SetLatency(latency)
		w, outside := newWorkflow(b, cloud), newShell(b, cloud)
		b.Run(fmt.Sprintf("hop=%s", latency), func(b *testing.B) {
			start, token := time.Hour, time.Hour
			for b.Loop() {
				began := time.Now()
				w.well("start", "-scope="+vaultScope)
				start = min(start, time.Since(began))
				w.well("stop")
				began = time.Now()
				require.Zero(b, outside.step("token", "-scope="+vaultScope).status)
				token = min(token, time.Since(began))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(start.Microseconds())/1000, "start-ms")
			b.ReportMetric(float64(token.Microseconds())/1000, "token-ms")
			b.ReportMetric(float64(start)/float64(token), "start/token")
		})
	}
}

// BenchmarkCachedToken is a held token's way over loopback, beside that of an empty answer of net/http in a process of its
// own: with one caller, and with sixty-four.
func BenchmarkCachedToken(b *testing.B) {
	w := newWorkflow(b, newServer(b, nil))
	w.well("start", "-scope="+vaultScope)
	env, floor := w.exported(), emptyServer(b)
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var served, empty time.Duration
			for b.Loop() { // in turn, for the machine isn't the same all the time
				empty += askFor(b, floor, callers, 100)
				served += askFor(b, env, callers, 100)
			}
			each := func(all time.Duration) float64 { return float64(all.Microseconds()) / float64(b.N*100) }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(each(served), "token-µs")
			b.ReportMetric(each(empty), "empty-µs")
			b.ReportMetric(float64(served)/float64(empty), "token/empty")
		})
	}
	if runtime.GOOS == "linux" {
		b.Run("memory", func(b *testing.B) {
			for b.Loop() {
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(residentKiB(b, w.status().Process))/1024, "resident-MiB")
		})
	}
	w.well("stop")
}

// BenchmarkBinary is the size of what a release ships.
func BenchmarkBinary(b *testing.B) {
	path := filepath.Join(b.TempDir(), "azoidc")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(b, err, "%s", output)
	info, err := os.Stat(path)
	require.NoError(b, err)
	for b.Loop() {
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
}

// askFor has callers make so many requests all in all, each on a connection of its own, and returns how long that takes.
func askFor(t testing.TB, env map[string]string, callers, requests int) time.Duration {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	defer client.CloseIdleConnections()
	todo := make(chan struct{}, requests)
	for range requests {
		todo <- struct{}{}
	}
	close(todo)
	one := func() error {
		r := tokenRequest(t, env)
		r.Close = false
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", response.Status)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	var all sync.WaitGroup
	began := time.Now()
	for range callers {
		all.Go(func() {
			for range todo {
				if err := one(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

// emptyServer is a process that answers nothing to everybody.
func emptyServer(t testing.TB) (env map[string]string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	server := exec.Command(self)
	server.Env = append(os.Environ(), roleVariable+"=empty")
	stdin, err := server.StdinPipe()
	require.NoError(t, err)
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = server.Wait()
	})
	var address string
	_, err = fmt.Fscanln(stdout, &address)
	require.NoError(t, err)
	return map[string]string{"IDENTITY_ENDPOINT": "http://" + address + "/"}
}

// answerNothing serves until the standard input ends.
func answerNothing() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) }()
	fmt.Println(listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// residentKiB is of physical memory.
func residentKiB(t testing.TB, id int) int {
	t.Helper()
	for line := range strings.Lines(readFile(t, "/proc/"+strconv.Itoa(id)+"/status")) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			size, err := strconv.Atoi(fields[1])
			require.NoError(t, err)
			return size
		}
	}
	require.Fail(t, "no VmRSS")
	return 0
}
