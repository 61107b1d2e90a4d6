package tokencache

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
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
	numbers := map[*bucket]uint64{}
	for used := range uint64(100) {
		table.grow(used)
		_, taken := numbers[table.bucket(used)]
		require.False(t, taken, used)
		numbers[table.bucket(used)] = used
		for place, i := range numbers {
			require.Same(t, place, table.bucket(i), "%d of %d", i, used)
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

// TestAHitNeedsNoLock: it is served while others hold all there are.
func TestAHitNeedsNoLock(t *testing.T) {
	var cache Cache
	cache.Init(lasting{}, Options{})
	request := policy.TokenRequestOptions{Scopes: []string{"a"}}
	_, err := cache.GetToken(t.Context(), request)
	require.NoError(t, err)
	for _, lock := range []sync.Locker{&cache.table.mu, &cache.table.all()[0].mu, &cache.deadlines.mu, &cache.forgotten.mu, &cache.keepers.mu} {
		lock.Lock()
		defer lock.Unlock()
	}
	served := make(chan error, 1)
	go func() {
		_, err := cache.GetToken(t.Context(), request)
		served <- err
	}()
	select {
	case err := <-served:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "it waits for a lock")
	}
}

// A lasting credential has one token for all.
type lasting struct{}

func (lasting) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}
