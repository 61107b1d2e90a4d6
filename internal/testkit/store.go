package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"
)

// A Store is what two values of azidentity.Cache of the same name share: as azidentity has it, CAE tokens are kept apart.
type Store struct{ CAE, Other Memory }

// Open makes an azidentity.Cache on the store.
func (s *Store) Open() azidentity.Cache {
	return newCache(func(cae bool) (storage, error) {
		if cae {
			return &s.CAE, nil
		}
		return &s.Other, nil
	})
}

// A Memory is where a persistent cache keeps what MSAL writes: as slow, and as broken, as a test wants it.
type Memory struct {
	Pause  time.Duration // before each access
	Broken atomic.Bool
	Writes atomic.Int32

	mu   sync.Mutex
	data []byte
}

// Replace gives MSAL what is stored.
func (m *Memory) Replace(_ context.Context, into interface{ Unmarshal([]byte) error }, _ hints) error {
	time.Sleep(m.Pause)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.data == nil {
		return nil
	}
	return into.Unmarshal(m.data)
}

// Export stores what MSAL has. A broken store quotes what it was to store.
func (m *Memory) Export(_ context.Context, from interface{ Marshal() ([]byte, error) }, _ hints) error {
	data, err := from.Marshal()
	if err != nil {
		return err
	}
	if m.Broken.Load() {
		return fmt.Errorf("no space left on device for %s", data)
	}
	time.Sleep(m.Pause)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data = data
	m.Writes.Add(1)
	return nil
}

// Secrets are the access tokens that are stored.
func (m *Memory) Secrets(t *testing.T) []string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var stored struct {
		AccessToken map[string]struct{ Secret string }
	}
	if m.data != nil {
		require.NoError(t, json.Unmarshal(m.data, &stored))
	}
	var secrets []string
	for token := range maps.Values(stored.AccessToken) {
		secrets = append(secrets, token.Secret)
	}
	return secrets
}

// storage is MSAL's cache.ExportReplace, written without MSAL's types: to name those, this module would have to require MSAL
// itself, for tests alone.
type storage interface {
	Export(context.Context, interface{ Marshal() ([]byte, error) }, hints) error
	Replace(context.Context, interface{ Unmarshal([]byte) error }, hints) error
}

type hints = struct{ PartitionKey string }

// asMSALs returns s as a value of MSAL's interface. Two interfaces with the same methods, in whose parameters only names differ,
// are the same in memory; that they still are is checked.
func asMSALs(interfaceType reflect.Type, s storage) reflect.Value {
	if want, got := methods(interfaceType), methods(reflect.TypeFor[storage]()); !slices.Equal(want, got) {
		panic(fmt.Sprintf("MSAL's storage has the methods %v, not %v", want, got))
	}
	return reflect.NewAt(interfaceType, reflect.ValueOf(&s).UnsafePointer()).Elem()
}

// methods are those of t that an interface of a store or of what it keeps can have, down to what their parameters are made of,
// after how many t has. Each is looked up by a constant: for any other name, or a number, the linker would keep every exported
// method of all that is in a test program, and take longer.
func methods(t reflect.Type) []string {
	all := []string{fmt.Sprint(t.NumMethod())}
	if m, ok := t.MethodByName("Export"); ok {
		all = append(all, signature(m))
	}
	if m, ok := t.MethodByName("Replace"); ok {
		all = append(all, signature(m))
	}
	if m, ok := t.MethodByName("Marshal"); ok {
		all = append(all, signature(m))
	}
	if m, ok := t.MethodByName("Unmarshal"); ok {
		all = append(all, signature(m))
	}
	return all
}

func signature(m reflect.Method) string {
	var parameters []string
	for n := range m.Type.NumIn() {
		parameters = append(parameters, madeOf(m.Type.In(n)))
	}
	return fmt.Sprint(m.Name, parameters, m.Type.NumOut())
}

func madeOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[context.Context]():
		return t.String()
	case t.Kind() == reflect.Interface:
		return fmt.Sprint(methods(t))
	case t.Kind() == reflect.Struct:
		return fmt.Sprint(reflect.VisibleFields(t)[0].Type, t.NumField())
	}
	return t.String()
}
