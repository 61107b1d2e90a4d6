package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// figures are what was measured: by a benchmark's name without "Benchmark" and the number of processors, a space, and the unit.
type figures map[string]float64

// A suite is one call of go test.
type suite struct {
	folder     string // of the module
	packages   string
	benchmarks string // a pattern; none: tests
	tests      string
	times      string // -benchtime
	short      string // the same for a short run
	count      int
}

var suites = []suite{
	{packages: ".", benchmarks: "^Benchmark(Hit|HitParallel|HitByHeldScopes)$", times: "1s", short: "100x", count: 5},
	{packages: ".", benchmarks: "^BenchmarkNewKeyByHeldKeys$", times: "200000x", short: "1x", count: 3},
	{packages: ".", benchmarks: "^Benchmark(Exchange|RefreshUnderLoad)$", times: "100x", short: "1x", count: 3},
	{packages: ".", benchmarks: "^Benchmark(ColdScope10000|Memory)$", times: "1x", short: "1x", count: 1},
	{packages: "./internal/scenarios", tests: "TakesTwoRoundTrips|TakesFourRoundTrips|SixHour", count: 1},
	{packages: "./cmd/azoidc", benchmarks: "^Benchmark(Start|CachedToken|AzureCLI|Binary)$", times: "20x", short: "1x", count: 1},
	{folder: "acceptance", packages: "./guides", benchmarks: "^BenchmarkColdToken$", times: "10x", short: "1x", count: 1},
}

func measure(short bool) (figures, error) {
	all := figures{}
	for _, s := range suites {
		printed, err := s.run(short)
		if err != nil {
			return nil, err
		}
		all.add(printed)
	}
	return all, weigh(all, short)
}

func (s suite) run(short bool) (string, error) {
	count := s.count
	if short {
		s.times, count = s.short, 1
	}
	args := []string{"test", "-count", strconv.Itoa(count), "-timeout", "30m"}
	if s.benchmarks != "" {
		args = append(args, "-run", "^$", "-bench", s.benchmarks, "-benchtime", s.times)
	} else {
		args = append(args, "-v", "-run", s.tests)
	}
	command := exec.Command("go", append(args, s.packages)...)
	command.Dir = s.folder
	var printed bytes.Buffer
	command.Stdout, command.Stderr = io.MultiWriter(&printed, os.Stderr), os.Stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(command.Args[1:], " "), err)
	}
	return printed.String(), nil
}

var (
	benchmark = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	metric    = regexp.MustCompile(`([0-9.]+) (\S+)`)
	trips     = regexp.MustCompile(`(\d+) scopes from cold: \S+, (\d+) round trips`)
	six       = regexp.MustCompile(`(azidentity: )?(\d+) errors, worst wait (\S+?)(?:,|$)`)
)

// add reads what go test printed. Of several measurements the smallest counts: what else the machine does only adds to them.
func (f figures) add(printed string) {
	whose := "azoidc"
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		if match := benchmark.FindStringSubmatch(line); match != nil {
			for _, value := range metric.FindAllStringSubmatch(match[2], -1) {
				f.keepSmallest(match[1]+" "+value[2], value[1])
			}
		}
		if strings.HasPrefix(line, "=== RUN") && strings.Contains(line, "Azidentity") {
			whose = "azidentity"
		}
		if match := trips.FindStringSubmatch(line); match != nil {
			f.keepLargest("round trips "+whose+" "+match[1], match[2])
		}
		if match := six.FindStringSubmatch(line); match != nil {
			name := "six hours azoidc"
			if match[1] != "" {
				name = "six hours azidentity"
			}
			f.keepLargest(name+" errors", match[2])
			f.keepLargest(name+" wait", strings.TrimSuffix(match[3], "s"))
		}
	}
}

func (f figures) keepSmallest(name, text string) {
	value, err := strconv.ParseFloat(text, 64)
	if held, ok := f[name]; err == nil && (!ok || value < held) {
		f[name] = value
	}
}

func (f figures) keepLargest(name, text string) {
	value, err := strconv.ParseFloat(text, 64)
	if held, ok := f[name]; err == nil && (!ok || value > held) {
		f[name] = value
	}
}
