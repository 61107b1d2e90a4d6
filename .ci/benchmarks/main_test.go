package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

const printed = `goos: linux
BenchmarkHit/azoidc-2         	      20	       887.4 ns/op	       0 B/op	       0 allocs/op
BenchmarkHit/azoidc-2         	      20	       92.2 ns/op	       0 B/op	       0 allocs/op
BenchmarkStart/hop=50ms-2     	       1	       173.3 start-ms	         0.8575 start/token	       202.1 token-ms
=== RUN   TestColdStartTakesTwoRoundTrips/GitHubActions/16
    roundtrips_test.go:78: 16 scopes from cold: 200ms, 2 round trips
    sixhours_test.go:79: 0 errors, worst wait 0s, 24 exchanges
=== RUN   TestAzidentityTakesFourRoundTrips
    roundtrips_test.go:78: 16 scopes from cold: 3.4s, 34 round trips
    sixhours_test.go:92: azidentity: 66 errors, worst wait 30s
`

func TestAdd(t *testing.T) {
	f := figures{}
	f.add(printed)
	require.Equal(t, figures{
		"Hit/azoidc ns/op": 92.2, "Hit/azoidc B/op": 0, "Hit/azoidc allocs/op": 0,
		"Start/hop=50ms start-ms": 173.3, "Start/hop=50ms start/token": 0.8575, "Start/hop=50ms token-ms": 202.1,
		"round trips azoidc 16": 2, "six hours azoidc errors": 0, "six hours azoidc wait": 0,
		"round trips azidentity 16": 34, "six hours azidentity errors": 66, "six hours azidentity wait": 30,
	}, f)
}

func TestMarkdown(t *testing.T) {
	f := figures{"a": 2320.4, "b": 92, "c": 15.48}
	text, err := table{"t", `{{ns "a"}} {{n "b"}} {{one "c"}} {{ratio "a" "b"}} {{ratio "b" "a"}} {{more "a" "b"}} {{maybe "d"}}`}.markdown(f)
	require.NoError(t, err)
	require.Equal(t, "2,320 ns 92 15.5 25 0.04 2228.4 not installed here", text)
	_, err = table{"t", `{{n "d"}}`}.markdown(f)
	require.ErrorContains(t, err, `"d" wasn't measured`)
}

func TestBetween(t *testing.T) {
	changed, err := between("a\n<!-- measured: x -->\nold\n<!-- end -->\nb\n", "x", "$1 new\n")
	require.NoError(t, err)
	require.Equal(t, "a\n<!-- measured: x -->\n$1 new\n<!-- end -->\nb\n", changed)
	_, err = between("a", "x", "new")
	require.Error(t, err)
}

// TestPlaces: BENCHMARKS.md has a place for each table.
func TestPlaces(t *testing.T) {
	page, err := os.ReadFile("../../BENCHMARKS.md")
	require.NoError(t, err)
	for _, table := range tables {
		_, err := between(string(page), table.name, "")
		require.NoError(t, err)
	}
}
