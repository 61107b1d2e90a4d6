package tokencache

import (
	"container/heap"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A queue holds entries by when they are due, each once.
type queue struct {
	line waitingLine
}

type waiting struct {
	entry *entry
	due   int64 // by the monotonic clock
}

func newQueue() queue { return queue{waitingLine{places: map[*entry]int{}}} }

func (q *queue) set(e *entry, due int64) {
	if i, ok := q.line.places[e]; ok {
		q.line.list[i].due = due
		heap.Fix(&q.line, i)
		return
	}
	heap.Push(&q.line, waiting{e, due})
}

func (q *queue) remove(e *entry) {
	if i, ok := q.line.places[e]; ok {
		heap.Remove(&q.line, i)
	}
}

// popDue takes the first entry out if it is due, else it returns nil.
func (q *queue) popDue(now int64) *entry {
	if len(q.line.list) == 0 || q.line.list[0].due > now {
		return nil
	}
	return heap.Pop(&q.line).(waiting).entry
}

// next is how long the first entry isn't due yet.
func (q *queue) next(now int64) time.Duration {
	if len(q.line.list) == 0 {
		return forever
	}
	return time.Duration(q.line.list[0].due - now)
}

func (q *queue) entries() []*entry {
	list := make([]*entry, 0, len(q.line.list))
	for _, w := range q.line.list {
		list = append(list, w.entry)
	}
	return list
}

// A waitingLine implements [heap.Interface].
type waitingLine struct {
	list   []waiting
	places map[*entry]int
}

func (l *waitingLine) Len() int           { return len(l.list) }
func (l *waitingLine) Less(i, j int) bool { return l.list[i].due < l.list[j].due }

func (l *waitingLine) Swap(i, j int) {
	l.list[i], l.list[j] = l.list[j], l.list[i]
	l.places[l.list[i].entry], l.places[l.list[j].entry] = i, j
}

func (l *waitingLine) Push(x any) {
	w := x.(waiting)
	l.places[w.entry] = len(l.list)
	l.list = append(l.list, w)
}

func (l *waitingLine) Pop() any {
	last := len(l.list) - 1
	w := l.list[last]
	l.list[last] = waiting{}
	l.list = l.list[:last]
	delete(l.places, w.entry)
	return w
}

// changes are the entries in which something happened since somebody last took them.
type changes struct {
	mu   sync.Mutex
	list []*entry
}

func (n *changes) add(entries ...*entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, entries...)
}

func (n *changes) take() []*entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

// keepers are all that are at work; hardly ever more than one, mostly none.
type keepers struct {
	mu   sync.Mutex // held to change the list, which is replaced then
	list atomic.Pointer[[]*keeper]
}

func (s *keepers) add(k *keeper) {
	s.replace(func(list []*keeper) []*keeper { return append(list, k) })
}

func (s *keepers) remove(k *keeper) {
	s.replace(func(list []*keeper) []*keeper {
		return slices.DeleteFunc(list, func(other *keeper) bool { return other == k })
	})
}

func (s *keepers) replace(change func([]*keeper) []*keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := change(slices.Clone(s.all()))
	s.list.Store(&list)
}

func (s *keepers) all() []*keeper {
	if list := s.list.Load(); list != nil {
		return *list
	}
	return nil
}

// tell lets every keeper look at e.
func (c *Cache) tell(e *entry) {
	for _, k := range c.keepers.all() {
		k.news.add(e)
		select {
		case k.changed <- struct{}{}:
		default: // told already
		}
	}
}
