package tokencache

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTableAgainstAMap adds and removes entries in random order. It is in the package because it chooses the hashes: few
// different ones fill buckets beyond their slots, and those that differ in high bits only are never told apart by place.
func TestTableAgainstAMap(t *testing.T) {
	for name, hash := range map[string]func(i uint64) uint64{
		"spread":       func(i uint64) uint64 { return i * 0x9E3779B97F4A7C15 },
		"in turn":      func(i uint64) uint64 { return i },
		"all the same": func(uint64) uint64 { return 1 << 40 },
		"all zero":     func(uint64) uint64 { return 0 },
		"few":          func(i uint64) uint64 { return i % 5 },
		"high bits":    func(i uint64) uint64 { return i << 20 },
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Log("seed", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			var table table
			held, most := map[uint64]*entry{}, 0
			keyOf := func(i uint64) key { return key{scopes: strconv.FormatUint(i, 10)} }
			for range 2000 {
				i := random.Uint64N(300)
				k := keyOf(i)
				found := table.find(hash(i), &k)
				require.Same(t, held[i], found)
				if found != nil {
					table.remove(found)
					delete(held, i)
					continue
				}
				held[i] = &entry{key: k, hash: hash(i)}
				table.add(held[i])
				most = max(most, len(held))
			}
			for i, e := range held {
				require.Same(t, e, table.find(e.hash, &e.key), i)
			}
			requireEntries(t, held, table.all())
			require.EqualValues(t, 2*(most-1)/3+1, table.used.Load(), "two buckets for three entries of those that were there at once")
			for _, e := range held {
				table.remove(e)
			}
			require.Empty(t, table.all())
			for i := range table.used.Load() {
				require.Nil(t, table.bucket(i).more.Load(), "what was made for more entries than a bucket has slots stays")
			}
		})
	}
}

func requireEntries(t *testing.T, held map[uint64]*entry, all []*entry) {
	t.Helper()
	require.Len(t, all, len(held))
	for _, e := range held {
		require.True(t, slices.Contains(all, e))
	}
}

// TestEachBucketHasAPlaceOfItsOwn however many there are, and those in use keep theirs.
func TestEachBucketHasAPlaceOfItsOwn(t *testing.T) {
	var table table
	var places []*bucket
	for used := range uint64(100) {
		table.grow(used)
		places = append(places, table.bucket(used))
		for i, place := range places {
			require.Same(t, place, table.bucket(uint64(i)), "%d of %d", i, used)
			require.Equal(t, 1, count(places, place))
		}
	}
}

// TestEntriesAreSpread as well as their hashes are: hardly any bucket needs more than its slots.
func TestEntriesAreSpread(t *testing.T) {
	var table table
	for i := range uint64(300) {
		table.add(&entry{hash: i})
		for n := range table.used.Load() {
			require.Nil(t, table.bucket(n).more.Load(), "bucket %d of %d, for %d entries", n, table.used.Load(), i)
		}
	}
}

// TestHashesTellKeysApart, but for the CAE mode.
func TestHashesTellKeysApart(t *testing.T) {
	seen := map[uint64]key{}
	names := []string{"", "a", "b", "a b", "b a"}
	for _, scopes := range names {
		for _, tenant := range names {
			one, other := key{scopes, tenant, false}, key{scopes, tenant, true}
			require.Equal(t, one.hash(), other.hash())
			require.NotContains(t, seen, one.hash(), "%+v is as %+v", one, seen[one.hash()])
			seen[one.hash()] = one
		}
	}
}

func count(places []*bucket, place *bucket) int {
	n := 0
	for _, other := range places {
		if other == place {
			n++
		}
	}
	return n
}
