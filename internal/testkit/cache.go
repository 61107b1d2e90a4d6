package testkit

import (
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// A WatchedCache is an azidentity.Cache that tells how often MSAL clients ask for its storage, which they don't get, so that
// they keep tokens in memory. One with storage needs MSAL's types, see acceptance.
type WatchedCache struct {
	azidentity.Cache
	CAE, Other atomic.Int32
	Err        error // what its storage can't be opened of
}

// NewWatchedCache sets the unexported fields of an azidentity.Cache, which only azidentity's own cache module could fill.
func NewWatchedCache() *WatchedCache {
	w := &WatchedCache{}
	field := reflect.ValueOf(&w.Cache).Elem().Field(0)
	implementation := reflect.New(field.Type().Elem())
	factory := implementation.Elem().FieldByName("factory")
	set(factory, reflect.MakeFunc(factory.Type(), func(args []reflect.Value) []reflect.Value {
		if args[0].Bool() {
			w.CAE.Add(1)
		} else {
			w.Other.Add(1)
		}
		err := reflect.Zero(factory.Type().Out(1))
		if w.Err != nil {
			err = reflect.ValueOf(&w.Err).Elem()
		}
		return []reflect.Value{reflect.Zero(factory.Type().Out(0)), err}
	}))
	set(implementation.Elem().FieldByName("mu"), reflect.ValueOf(&sync.RWMutex{}))
	set(field, implementation)
	return w
}

func set(field, value reflect.Value) {
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(value)
}
