package retry_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/retry"
)

// within is a context like an acquisition's.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestACooldownIsForItsTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c retry.Cooldowns
		c.Extend("a", 10*time.Minute)
		require.Equal(t, 10*time.Minute, c.Wait(within(t, time.Minute), "a"))
		require.Zero(t, c.Wait(within(t, time.Minute), "b"))
		c.Extend("b", 5*time.Minute)
		require.Equal(t, 10*time.Minute, c.Wait(within(t, time.Minute), "a"))
	})
}

func TestACooldownIsOutlastedWhereThereIsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c retry.Cooldowns
		c.Extend("a", 40*time.Second)
		c.Extend("a", 20*time.Second) // another answer, which asks for less
		began := time.Now()
		require.Zero(t, c.Wait(within(t, time.Minute), "a"))
		require.InDelta(t, 40.5, time.Since(began).Seconds(), 0.5, "it waits, and at most a second longer")
		require.Zero(t, c.Wait(within(t, time.Minute), "a"), "it is over")
	})
}

// TestWhoWaitedLeavesOneAfterAnother, over a second.
func TestWhoWaitedLeavesOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c retry.Cooldowns
		c.Extend("a", 40*time.Second)
		began, ctx := time.Now(), within(t, time.Minute)
		left := make(chan float64)
		for range 100 {
			go func() {
				c.Wait(ctx, "a")
				left <- time.Since(began).Seconds()
			}()
		}
		var all []float64
		for range 100 {
			all = append(all, <-left)
		}
		require.InDelta(t, 40, slices.Min(all), 0.3)
		require.InDelta(t, 41, slices.Max(all), 0.3)
	})
}

func TestACooldownIsBoundedAndProbed(t *testing.T) {
	for _, asked := range []time.Duration{24 * time.Hour, math.MaxInt64} {
		synctest.Test(t, func(t *testing.T) {
			var c retry.Cooldowns
			c.Extend("a", asked)
			began := time.Now()
			require.Equal(t, time.Hour, c.Wait(within(t, time.Minute), "a"))
			probes := 0
			for time.Since(began) < 59*time.Minute+30*time.Second {
				time.Sleep(time.Second)
				if c.Wait(within(t, time.Second), "a") == 0 {
					probes++
					require.Positive(t, c.Wait(within(t, time.Second), "a"), "one probe at a time")
				}
			}
			require.InDelta(t, 59, probes, 1, "one a minute")
			time.Sleep(31 * time.Second)
			for range 3 {
				require.Zero(t, c.Wait(within(t, time.Second), "a"), "after an hour it is over")
			}
		})
	}
}

// TestAProbeThatIsRefusedGoesOnWaiting: what it was told counts.
func TestAProbeThatIsRefusedGoesOnWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c retry.Cooldowns
		c.Extend("a", 5*time.Minute)
		time.Sleep(4 * time.Minute)
		require.Zero(t, c.Wait(within(t, time.Second), "a"))
		c.Extend("a", 5*time.Minute)
		require.Equal(t, 5*time.Minute, c.Wait(within(t, time.Second), "a"))
		time.Sleep(59 * time.Second)
		require.Positive(t, c.Wait(within(t, time.Second), "a"))
	})
}

func TestLiftedCooldownsAreOver(t *testing.T) {
	for name, lift := range map[string]func(*retry.Cooldowns){
		"one": func(c *retry.Cooldowns) { c.Lift("a"); c.Lift("a"); c.Lift("none") },
		"all": func(c *retry.Cooldowns) { c.LiftAll(); c.LiftAll() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c retry.Cooldowns
				c.Extend("a", 30*time.Second)
				began := time.Now()
				waited := make(chan time.Duration)
				go func() { waited <- c.Wait(within(t, time.Minute), "a") }()
				time.Sleep(time.Second)
				lift(&c)
				require.Zero(t, <-waited)
				require.Equal(t, time.Second, time.Since(began), "who waited goes on at once")
				require.Zero(t, c.Wait(within(t, time.Second), "a"))
			})
		})
	}
}

// TestAWaitThatIsCancelledEnds at once, and doesn't spin.
func TestAWaitThatIsCancelledEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c retry.Cooldowns
		c.Extend("a", 30*time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		began := time.Now()
		require.Equal(t, 20*time.Second, c.Wait(ctx, "a"))
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}

// TestCooldownsThatAreOverAreForgotten: a credential may serve ever new tenants.
func TestCooldownsThatAreOverAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c retry.Cooldowns
		for i := range 1000 {
			c.Extend(fmt.Sprint(i), time.Second)
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, c.Count(), 1)
	})
}
