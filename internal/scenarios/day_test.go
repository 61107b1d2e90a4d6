package scenarios_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestADayOfTroubles has no error in 24 hours, for both credentials. A seed that fails is repeated by its subtest. In the day of
// seed 10 an endpoint asks to be left alone for a day when tokens are to be refreshed, and another fails when they end.
// TestADayOfTroublesOnAStore is the same with a persistent cache.
func TestADayOfTroubles(t *testing.T) {
	testbed.NotShort(t, "simulates days")
	t.Parallel()
	seeds := []uint64{10, 1}
	if *exhaustive {
		for seed := range uint64(100) {
			seeds = append(seeds, 100+seed)
		}
	}
	for _, system := range testkit.Systems {
		for _, seed := range seeds {
			t.Run(fmt.Sprintf("%s/seed %d", system.Name, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					had := testkit.Day{Seed: seed, System: system}.Live(t)
					t.Logf("%d troubles, %d errors, worst wait %s, %d exchanges", had.Troubles, len(had.Errors), had.Worst, had.Exchanges)
					require.Empty(t, had.Errors)
				})
			})
		}
	}
}
