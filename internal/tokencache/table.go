package tokencache

import (
	"sync"
	"sync/atomic"
)

// A table finds entries by their keys. Whoever looks needs no lock. A new key costs the same however many there are: it
// puts one more bucket into use, into which it moves entries of one other (linear hashing), and now and then looks whether
// a few others are of use still.
//
// A look-up that meets a move may miss its entry. One under the lock doesn't, and who misses looks again under it.
type table struct {
	buckets atomic.Pointer[[]bucket] // as many as the next power of two; those beyond used are empty
	used    atomic.Uint64

	mu    sync.Mutex // held to change anything
	count int        // of entries
	hand  hand
}

// A bucket is the first of the entries in it, each of which knows the next one.
type bucket = atomic.Pointer[entry]

const firstBuckets = 4

// find returns the entry of k, which hashes to hash, or nil.
func (t *table) find(hash uint64, k *key) *entry {
	buckets := t.buckets.Load()
	if buckets == nil {
		return nil
	}
	for e := (*buckets)[place(hash, uint64(len(*buckets)), t.used.Load())].Load(); e != nil; e = e.next.Load() {
		if e.hash == hash && e.key == *k {
			return e
		}
	}
	return nil
}

// place is a hash's bucket: as if there were size of them, a power of two, or, where that one isn't in use yet, the one
// from which it will be split off.
func place(hash, size, used uint64) uint64 {
	if i := hash & (size - 1); i < used {
		return i
	}
	return hash & (size/2 - 1)
}

// add is called under the lock, for an e that isn't in the table.
func (t *table) add(e *entry) {
	if uint64(t.count) >= t.used.Load() {
		t.grow()
	}
	t.count++
	push(t.bucketOf(e), e)
}

// remove is called under the lock, for an e that is in the table.
func (t *table) remove(e *entry) {
	t.count--
	unlink(t.bucketOf(e), e)
}

func (t *table) bucketOf(e *entry) *bucket {
	buckets := *t.buckets.Load()
	return &buckets[place(e.hash, uint64(len(buckets)), t.used.Load())]
}

// grow puts one more bucket into use.
func (t *table) grow() {
	used := t.used.Load()
	if used == 0 {
		buckets := make([]bucket, firstBuckets)
		t.buckets.Store(&buckets)
		t.used.Store(firstBuckets)
		return
	}
	buckets := *t.buckets.Load()
	if used == uint64(len(buckets)) {
		buckets = doubled(buckets)
		t.buckets.Store(&buckets)
	}
	size := uint64(len(buckets))
	from, to := &buckets[used-size/2], &buckets[used]
	for e := from.Load(); e != nil; {
		next := e.next.Load()
		if place(e.hash, size, used+1) == used {
			unlink(from, e)
			push(to, e)
		}
		e = next
	}
	t.used.Store(used + 1)
}

func doubled(buckets []bucket) []bucket {
	more := make([]bucket, 2*len(buckets))
	for i := range buckets {
		more[i].Store(buckets[i].Load())
	}
	return more
}

func push(b *bucket, e *entry) {
	e.next.Store(b.Load())
	b.Store(e)
}

// unlink leaves e's own link as it is, for those who are just reading it.
func unlink(b *bucket, e *entry) {
	for b.Load() != e {
		b = &b.Load().next
	}
	b.Store(e.next.Load())
}

// all returns the entries.
func (t *table) all() []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count == 0 {
		return nil
	}
	list := make([]*entry, 0, t.count)
	for i := range *t.buckets.Load() {
		for e := (*t.buckets.Load())[i].Load(); e != nil; e = e.next.Load() {
			list = append(list, e)
		}
	}
	return list
}
