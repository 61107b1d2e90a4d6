package testbed

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// RequirePrintsNone checks that no secret is in any form in which value can be printed: by all verbs and flags of fmt, as JSON
// and by slog, by itself and within others, exported or not, and by printers that follow every pointer.
func RequirePrintsNone(t *testing.T, value any, secrets ...string) {
	t.Helper()
	written := writings(secrets)
	for nesting, nested := range nestings(value) {
		requireNone(t, nesting, Printed(nested), written)
	}
	requireNone(t, "value", map[string]string{"a walk over all that it points to": Reachable(value)}, written)
}

// writings are the secrets as verbs write strings.
func writings(secrets []string) (written []string) {
	for _, secret := range secrets {
		if digits := hex.EncodeToString([]byte(secret)); secret != "" {
			written = append(written, secret, digits, strings.ToUpper(digits))
		}
	}
	slices.Sort(written)
	return slices.Compact(written)
}

func requireNone(t *testing.T, nesting string, forms map[string]string, secrets []string) {
	t.Helper()
	for form, text := range forms {
		text = strings.ReplaceAll(text, " ", "")
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				require.Failf(t, "a secret is printed", "as %s in %s: %s", form, nesting, text)
			}
		}
	}
}

// nestings are ways in which a program holds value. Exported is one that fmt calls methods in.
func nestings(value any) map[string]any {
	of := reflect.TypeOf(value)
	pointer := reflect.New(of)
	pointer.Elem().Set(reflect.ValueOf(value))
	slice := reflect.Append(reflect.MakeSlice(reflect.SliceOf(of), 0, 1), reflect.ValueOf(value))
	hidden := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "hidden", PkgPath: "testkit", Type: of}})).Elem()
	reflect.NewAt(of, hidden.Field(0).Addr().UnsafePointer()).Elem().Set(reflect.ValueOf(value))
	return map[string]any{
		"itself":             value,
		"a pointer":          pointer.Interface(),
		"a slice":            slice.Interface(),
		"a map":              map[string]any{"key": value},
		"an exported field":  struct{ Field any }{value},
		"a field":            struct{ field any }{value},
		"a field of its own": hidden.Interface(),
		"a pointer's field":  &struct{ field any }{pointer.Interface()},
	}
}

// Printed are the texts that fmt, encoding/json and log/slog make of value.
func Printed(value any) map[string]string {
	forms := map[string]string{}
	for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
		for _, flags := range []string{"", "+", "#", " ", "-12", "012", "+#", "# "} {
			format := "%" + flags + string(verb)
			forms[format] = fmt.Sprintf(format, value)
		}
	}
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Error("failed", "value", value)
	slog.New(slog.NewJSONHandler(&structured, nil)).Error("failed", "value", value)
	document, err := json.Marshal(value)
	forms["JSON"] = fmt.Sprintf("%s %v", document, err)
	forms["slog text"], forms["slog JSON"] = text.String(), structured.String()
	return forms
}

// Reachable are all texts in value, and in whatever it points to, exported or not, as printers for debugging follow it.
func Reachable(value any) string {
	var b strings.Builder
	walk(&b, reflect.ValueOf(value), map[uintptr]bool{})
	return b.String()
}

func walk(b *strings.Builder, value reflect.Value, seen map[uintptr]bool) {
	switch value.Kind() {
	case reflect.String:
		b.WriteString(value.String() + "\n")
	case reflect.Pointer:
		if !value.IsNil() && !seen[value.Pointer()] {
			seen[value.Pointer()] = true
			walk(b, value.Elem(), seen)
		}
	case reflect.Interface:
		walk(b, value.Elem(), seen)
	case reflect.Struct:
		for i := range value.NumField() {
			walk(b, value.Field(i), seen)
		}
	case reflect.Map:
		for entries := value.MapRange(); entries.Next(); {
			walk(b, entries.Key(), seen)
			walk(b, entries.Value(), seen)
		}
	case reflect.Slice, reflect.Array:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			for i := range value.Len() {
				b.WriteByte(byte(value.Index(i).Uint()))
			}
			return
		}
		for i := range value.Len() {
			walk(b, value.Index(i), seen)
		}
	}
}
