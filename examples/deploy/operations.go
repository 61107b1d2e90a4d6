package main

import (
	"net/http"
	"path"
	"sync"
	"time"
)

// operations is the services' side of the steps: an operation begins when it's first asked for, and is answered with
// 202 while it runs and 200 when it's done, as Azure's long-running operations are.
type operations struct {
	takes map[string]time.Duration // by the step's name

	mu    sync.Mutex
	began map[string]time.Time // by the operation's path
}

func newOperations(steps []step) *operations {
	o := &operations{takes: map[string]time.Duration{}, began: map[string]time.Time{}}
	for _, step := range steps {
		o.takes[step.name] = step.takes
	}
	return o
}

// ServeHTTP answers those whom the service let in.
func (o *operations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	takes, ok := o.takes[path.Base(r.URL.Path)]
	switch {
	case !ok:
		http.NotFound(w, r)
	case o.age(r.URL.Path) < takes:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (o *operations) age(operation string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.began[operation]; !ok {
		o.began[operation] = time.Now()
	}
	return time.Since(o.began[operation])
}
