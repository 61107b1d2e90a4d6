package testkit

import (
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// A WatchedCache is an azidentity.Cache that tells how often MSAL clients ask for its storage, which they don't get, so that
// they keep tokens in memory.
type WatchedCache struct {
	azidentity.Cache
	CAE, Other atomic.Int32
	Err        error // what its storage can't be opened of
}

// NewWatchedCache makes a WatchedCache.
func NewWatchedCache() *WatchedCache {
	w := &WatchedCache{}
	w.Cache = newCache(func(cae bool) (storage, error) {
		if cae {
			w.CAE.Add(1)
		} else {
			w.Other.Add(1)
		}
		return nil, w.Err
	})
	return w
}

// newCache sets the unexported fields of an azidentity.Cache, which only azidentity's own module cache could fill.
func newCache(open func(cae bool) (storage, error)) azidentity.Cache {
	var made azidentity.Cache
	field := reflect.ValueOf(&made).Elem().Field(0)
	implementation := reflect.New(field.Type().Elem())
	factory := implementation.Elem().FieldByName("factory")
	set(factory, reflect.MakeFunc(factory.Type(), func(args []reflect.Value) []reflect.Value {
		opened, err := open(args[0].Bool())
		return []reflect.Value{asMSALs(factory.Type().Out(0), opened), reflect.ValueOf(&err).Elem()}
	}))
	set(implementation.Elem().FieldByName("mu"), reflect.ValueOf(&sync.RWMutex{}))
	set(field, implementation)
	return made
}

func set(field, value reflect.Value) {
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(value)
}
