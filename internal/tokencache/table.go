package tokencache

import (
	"iter"
	"math/bits"
	"sync"
	"sync/atomic"
)

// A table finds entries by their keys. Whoever looks needs no lock. A new key costs the same however many there are: it
// puts at most one more bucket into use, into which it moves entries of one other (linear hashing), and now and then looks
// whether a few others are of use still.
//
// A look-up that meets a move may miss its entry. One under the lock doesn't, and who misses looks again under it.
type table struct {
	used     atomic.Uint64 // buckets
	segments atomic.Pointer[[]segment]

	mu    sync.Mutex // held to change anything
	count int        // of entries
	hand  hand
}

// A segment has as many buckets as all before it, or one. They stay where they are when others come.
type segment []bucket

// A bucket is as long as a cache line, and tells entries apart by their hashes: what isn't in it, or is moved, isn't read.
type bucket struct {
	slots [3]slot
	more  atomic.Pointer[bucket] // of the few entries beyond them
	_     [8]byte
}

// A slot without an entry is free, whatever its hash.
type slot struct {
	hash  atomic.Uint64
	entry atomic.Pointer[entry]
}

// find returns the entry of k, which hashes to hash, or nil.
func (t *table) find(hash uint64, k *key) *entry {
	used := t.used.Load() // before the segments, which therefore have at least as many
	if used == 0 {
		return nil
	}
	for b := t.bucket(place(hash, used)); b != nil; b = b.more.Load() {
		for i := range b.slots {
			if b.slots[i].hash.Load() != hash {
				continue
			}
			if e := b.slots[i].entry.Load(); e != nil && e.key == *k {
				return e
			}
		}
	}
	return nil
}

// place is a hash's bucket: as if there were a power of two of them, or, where that one isn't in use yet, the one from which
// it will be split off.
func place(hash, used uint64) uint64 {
	size := uint64(1) << bits.Len64(used-1)
	if i := hash & (size - 1); i < used {
		return i
	}
	return hash & (size/2 - 1)
}

func (t *table) bucket(i uint64) *bucket {
	number := bits.Len64(i)
	before := uint64(1) << number >> 1
	return &(*t.segments.Load())[number][i-before]
}

func (t *table) bucketOf(hash uint64) *bucket { return t.bucket(place(hash, t.used.Load())) }

// add is called under the lock, for an e that isn't in the table.
func (t *table) add(e *entry) {
	if used := t.used.Load(); 2*uint64(t.count) >= 3*used { // half of the slots
		t.grow(used)
	}
	t.count++
	t.bucketOf(e.hash).add(e.hash, e)
}

// remove is called under the lock, for an e that is in the table.
func (t *table) remove(e *entry) {
	t.count--
	t.bucketOf(e.hash).remove(e)
}

// grow puts one more bucket into use than the used ones.
func (t *table) grow(used uint64) {
	t.makeRoom(used)
	if used > 0 {
		to := t.bucket(used)
		from := t.bucket(place(used, used))
		for hash, e := range from.all() {
			if place(hash, used+1) == used {
				from.remove(e)
				to.add(hash, e)
			}
		}
	}
	t.used.Store(used + 1)
}

// makeRoom makes the segment of the bucket behind the used ones.
func (t *table) makeRoom(used uint64) {
	var segments []segment
	if used > 0 {
		segments = *t.segments.Load()
	}
	if bits.Len64(used) < len(segments) {
		return
	}
	more := append(segments, make(segment, max(used, 1))) // readers of a shorter list don't see that it is in the same place
	t.segments.Store(&more)
}

// all returns the entries.
func (t *table) all() []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*entry, 0, t.count)
	for i := range t.used.Load() {
		for _, e := range t.bucket(i).all() {
			list = append(list, e)
		}
	}
	return list
}

func (b *bucket) add(hash uint64, e *entry) {
	for {
		for i := range b.slots {
			if s := &b.slots[i]; s.entry.Load() == nil {
				s.hash.Store(hash)
				s.entry.Store(e)
				return
			}
		}
		if b.more.Load() == nil {
			b.more.Store(new(bucket))
		}
		b = b.more.Load()
	}
}

// remove leaves the way on to those who are just reading what it takes out.
func (b *bucket) remove(e *entry) {
	var before *bucket
	for ; ; before, b = b, b.more.Load() {
		for i := range b.slots {
			if b.slots[i].entry.CompareAndSwap(e, nil) {
				if before != nil && b.isEmpty() {
					before.more.Store(b.more.Load())
				}
				return
			}
		}
	}
}

func (b *bucket) isEmpty() bool {
	for i := range b.slots {
		if b.slots[i].entry.Load() != nil {
			return false
		}
	}
	return true
}

// all goes through the entries, with their hashes. Each may be removed meanwhile.
func (b *bucket) all() iter.Seq2[uint64, *entry] {
	return func(yield func(uint64, *entry) bool) {
		for ; b != nil; b = b.more.Load() {
			for i := range b.slots {
				if e := b.slots[i].entry.Load(); e != nil && !yield(b.slots[i].hash.Load(), e) {
					return
				}
			}
		}
	}
}
