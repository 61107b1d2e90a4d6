package main

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// A table is one of BENCHMARKS.md. Its rows are written with figures: {{ns "Hit/azoidc ns/op"}}.
type table struct{ name, rows string }

var tables = []table{
	{"library", `{{machine}}; azidentity in the same run:

| | azoidc | azidentity | ratio |
|---|---|---|---|
| hit, 16 scopes held | {{ns "Hit/azoidc ns/op"}}, {{n "Hit/azoidc allocs/op"}} allocations | {{ns "Hit/azidentity ns/op"}}, {{n "Hit/azidentity allocs/op"}} allocations | {{ratio "Hit/azidentity ns/op" "Hit/azoidc ns/op"}} × |
| … beside the floor | {{ns "Hit/azoidc ns/op"}} | {{ns "Hit/floor ns/op"}} (floor) | {{ratio "Hit/azoidc ns/op" "Hit/floor ns/op"}} × |
| hit, all cores | {{ns "HitParallel/azoidc ns/op"}} | {{ns "HitParallel/azidentity ns/op"}} | {{ratio "HitParallel/azidentity ns/op" "HitParallel/azoidc ns/op"}} × |
| … beside the floor | {{ns "HitParallel/azoidc ns/op"}} | {{ns "HitParallel/floor ns/op"}} (floor) | {{ratio "HitParallel/azoidc ns/op" "HitParallel/floor ns/op"}} × |
| hit, 1 → 1,000 scopes held | {{ns "HitByHeldScopes/1 ns/op"}} → {{ns "HitByHeldScopes/1000 ns/op"}} | | {{ratio "HitByHeldScopes/1000 ns/op" "HitByHeldScopes/1 ns/op"}} |
| a new key, 1 → 100,000 keys held, beyond its exchange | {{ns "NewKeyByHeldKeys/1 ns/op"}} → {{ns "NewKeyByHeldKeys/100000 ns/op"}}, {{n "NewKeyByHeldKeys/100000 B/op"}} B | | {{ratio "NewKeyByHeldKeys/100000 ns/op" "NewKeyByHeldKeys/1 ns/op"}} |
| 10,000 callers, cold scope | {{n "ColdScope10000 exchanges/op"}} exchange | | |
| bytes for a credential | {{n "Memory/azoidc B/credential"}} | {{n "Memory/azidentity B/credential"}} | {{ratio "Memory/azoidc B/credential" "Memory/azidentity B/credential"}} |
| bytes for each further scope | {{n "Memory/azoidc B/scope"}} | {{n "Memory/azidentity B/scope"}} | {{ratio "Memory/azoidc B/scope" "Memory/azidentity B/scope"}} |
| round trips from cold, 1 scope | {{n "round trips azoidc 1"}} | {{n "round trips azidentity 1"}} | |
| round trips from cold, 16 scopes | {{n "round trips azoidc 16"}} | {{n "round trips azidentity 16"}} | |
| six hours with outages, errors / worst wait | {{n "six hours azoidc errors"}} / {{n "six hours azoidc wait"}} s | {{n "six hours azidentity errors"}} / {{n "six hours azidentity wait"}} s | |
`},
	{"process", `{{machine}}:

| | | beside | ratio |
|---|---|---|---|
| start to ready, services at 50 ms | {{n "Start/hop=50ms start-ms"}} ms | {{n "Start/hop=50ms token-ms"}} ms, cold exchange | {{ratio "Start/hop=50ms start-ms" "Start/hop=50ms token-ms"}} |
| start to ready, services that answer at once | {{n "Start/hop=0s start-ms"}} ms | {{n "Start/hop=0s token-ms"}} ms, cold exchange | {{ratio "Start/hop=0s start-ms" "Start/hop=0s token-ms"}} |
| held token, 1 caller | {{n "CachedToken/callers=1 token-µs"}} µs | {{n "CachedToken/callers=1 empty-µs"}} µs, empty server | {{ratio "CachedToken/callers=1 token-µs" "CachedToken/callers=1 empty-µs"}} |
| held token, 64 callers | {{n "CachedToken/callers=64 token-µs"}} µs | {{n "CachedToken/callers=64 empty-µs"}} µs, empty server | {{ratio "CachedToken/callers=64 token-µs" "CachedToken/callers=64 empty-µs"}} |
| resident memory after 64 callers' requests | {{one "CachedToken/memory resident-MiB"}} MiB | | |
| binary | {{one "Binary MiB"}} MiB | | |
`},
	{"script", `{{machine}}:

| a token for a script | |
|---|---|
| the first one of a job, services at 50 ms: ` + "`azoidc token`" + ` | {{n "ColdToken/azoidc-token ms"}} ms |
| … ` + "`kubelogin get-token --login workloadidentity`" + ` | {{n "ColdToken/kubelogin ms"}} ms |
| … ` + "`az login --federated-token` and `az account get-access-token`" + ` | {{maybe "ColdToken/az ms"}} |
| a held one, from ` + "`azoidc start`: curl" + ` | {{maybe "AzureCLI/curl ms"}} |
| … ` + "`az account get-access-token`" + ` | {{maybe "AzureCLI/az-account-get-access-token ms"}} |
`},
	{"weight", `{{machine}}:

| a program that only signs in | with azidentity | with azoidc | more |
|---|---|---|---|
| binary, stripped | {{one "weight azidentity MiB"}} MiB | {{one "weight azoidc MiB"}} MiB | {{more "weight azoidc MiB" "weight azidentity MiB"}} MiB |
| modules in it | {{n "weight azidentity modules"}} | {{n "weight azoidc modules"}} | {{more "weight azoidc modules" "weight azidentity modules"}} |
| build from an empty cache | {{one "weight azidentity first s"}} s | {{one "weight azoidc first s"}} s | {{more "weight azoidc first s" "weight azidentity first s"}} s |
| build after a change | {{one "weight azidentity again s"}} s | {{one "weight azoidc again s"}} s | {{more "weight azoidc again s" "weight azidentity again s"}} s |
`},
}

func (t table) markdown(f figures) (string, error) {
	parsed, err := template.New(t.name).Funcs(f.functions()).Parse(t.rows)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, nil)
	return text.String(), err
}

func (f figures) functions() template.FuncMap {
	return template.FuncMap{
		"machine": func() string {
			return fmt.Sprintf("%s, %d cores, %s, %s", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), runtime.GOOS)
		},
		"n": func(name string) (string, error) { return f.format(name, 0) },
		"one": func(name string) (string, error) {
			return f.format(name, 1)
		},
		"ns": func(name string) (string, error) {
			text, err := f.format(name, 0)
			return text + " ns", err
		},
		"maybe": func(name string) string {
			text, err := f.format(name, 0)
			if err != nil {
				return "not installed here"
			}
			return text + " ms"
		},
		"ratio": func(of, to string) (string, error) {
			a, err := f.value(of)
			if err != nil {
				return "", err
			}
			b, err := f.value(to)
			if err != nil {
				return "", err
			}
			return significant(a / b), nil
		},
		"more": func(of, than string) (string, error) {
			a, err := f.value(of)
			if err != nil {
				return "", err
			}
			b, err := f.value(than)
			return strconv.FormatFloat(math.Round((a-b)*10)/10, 'f', -1, 64), err
		},
	}
}

func (f figures) value(name string) (float64, error) {
	value, ok := f[name]
	if !ok {
		return 0, fmt.Errorf("%q wasn't measured", name)
	}
	return value, nil
}

// format writes the figure with so many decimals, and its thousands apart.
func (f figures) format(name string, decimals int) (string, error) {
	value, err := f.value(name)
	if err != nil {
		return "", err
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(value, 'f', decimals, 64), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return whole + fraction, nil
}

// significant is a ratio as one would say it: 25, 1.3, 0.55.
func significant(ratio float64) string {
	switch {
	case ratio >= 10:
		return strconv.FormatFloat(ratio, 'f', 0, 64)
	case ratio >= 1:
		return strconv.FormatFloat(ratio, 'f', 1, 64)
	}
	return strconv.FormatFloat(ratio, 'f', 2, 64)
}
