package tokencache

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQueueAgainstAMap does at random what a keeper does. The queue isn't seen from outside: what stood in it twice would only cost
// memory.
func TestQueueAgainstAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for range 8 {
		q, due := newQueue(), map[*entry]int64{}
		var entries [8]entry
		for range 60 {
			e, now := &entries[random.IntN(len(entries))], random.Int64N(100)
			switch random.IntN(4) {
			case 0:
				q.remove(e)
				delete(due, e)
			case 1:
				first := firstDue(due)
				popped := q.popDue(now)
				require.Equal(t, first <= now, popped != nil)
				if popped != nil {
					require.Equal(t, first, due[popped])
					delete(due, popped)
				}
			default:
				q.set(e, now)
				due[e] = now
			}
			require.Len(t, q.entries(), len(due))
			for _, e := range q.entries() {
				require.Contains(t, due, e)
			}
			if len(due) == 0 {
				require.Equal(t, forever, q.next(now))
			} else {
				require.EqualValues(t, firstDue(due)-now, q.next(now))
			}
		}
	}
}

func firstDue(due map[*entry]int64) int64 {
	first := int64(forever)
	for _, at := range due {
		first = min(first, at)
	}
	return first
}
