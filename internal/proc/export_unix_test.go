//go:build unix

package proc

import "time"

// Grace is how long g waits for what the command left running.
func (g *Group) Grace() time.Duration { return g.grace }

// SetGrace makes g wait for another time than Grace.
func (g *Group) SetGrace(d time.Duration) { g.grace = d }
