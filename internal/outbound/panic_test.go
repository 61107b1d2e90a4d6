package outbound_test

import (
	"errors"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/outbound"
)

func panicWith(value any) (err error) {
	defer func() { err = outbound.PanicError(recover(), "very secret") }()
	explode(value)
	return nil
}

func explode(value any) {
	if value == "index" {
		_ = []int{}[len(value.(string))]
	}
	if value != nil {
		panic(value)
	}
}

// hostile panics while it is printed.
type hostile struct{}

func (hostile) Error() string { panic("again") }

func TestAPanicSaysWhatAndWhere(t *testing.T) {
	for name, test := range map[string]struct {
		value any
		want  string
	}{
		"text":                     {"boom", `^panic in outbound_test\.explode \(panic_test\.go:\d+\): boom$`},
		"error":                    {errors.New("boom"), `: boom$`},
		"the runtime's":            {"index", `^panic in outbound_test\.explode \(panic_test\.go:\d+\): runtime error: index out of range .*$`},
		"a secret":                 {"the very secret token", `: the \[redacted\] token$`},
		"several lines":            {"boom\n::error::x", `: boom `},
		"what panics when printed": {hostile{}, `PANIC`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Regexp(t, test.want, panicWith(test.value).Error())
		})
	}
	require.NoError(t, panicWith(nil))
}

// TestAPanicFarBelow what asks for it has no place that can be told, but an end.
func TestAPanicFarBelow(t *testing.T) {
	var err error
	func() {
		defer func() {
			value := recover()
			far(100, func() { err = outbound.PanicError(value) })
		}()
		panic("boom")
	}()
	require.EqualError(t, err, "panic in an unknown function: boom")
}

func far(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	far(n-1, f)
}

func TestTheStackIsLogged(t *testing.T) {
	var logged string
	log.SetListener(func(_ log.Event, message string) { logged += message })
	t.Cleanup(func() { log.SetListener(nil) })
	require.NotContains(t, panicWith("boom").Error(), "goroutine")
	require.Contains(t, logged, "outbound_test.explode")
	require.Contains(t, logged, "goroutine")
}
