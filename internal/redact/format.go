package redact

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
)

// FormatText prints text, which has passed the gate, for a [fmt.Formatter] whose value is best told in words. Without one, fmt
// would print what fields hold. With %#v it stands as the argument of a conversion to the type name.
func FormatText(s fmt.State, verb rune, name, text string) {
	if verb == 'v' && s.Flag('#') {
		_, _ = io.WriteString(s, name+"("+strconv.Quote(text)+")") // fmt's buffer never fails
		return
	}
	fmt.Fprintf(s, fmt.FormatString(s, verb), text)
}

// FormatStruct prints shown, a struct without methods, in place of self, the receiver of a Format method.
//
// Go promotes that method to every struct that embeds self's type, and fmt then calls it for the whole, of which it would
// print self alone. Neither can be helped by the language: a method that an embedded field has is promoted, and a type without
// one has its fields printed. So where fmt tells that it is printing another struct, its fields are printed one by one, and
// self among them. A fmt that tells nothing, or another printer, gets self alone: rather too little than a secret.
func FormatStruct(s fmt.State, verb rune, self, shown any) {
	whole := printedBy(s)
	if whole.IsValid() && whole.Kind() == reflect.Pointer && !whole.IsNil() {
		whole = whole.Elem()
		if whole.Type() != reflect.TypeOf(self) && whole.Kind() == reflect.Struct {
			_, _ = io.WriteString(s, "&")
		}
	}
	if !whole.IsValid() || whole.Kind() != reflect.Struct || whole.Type() == reflect.TypeOf(self) {
		fmt.Fprintf(s, fmt.FormatString(s, verb), shown)
		return
	}
	formatFields(s, verb, whole)
}

// printedBy returns the value whose Format method fmt has called; the zero Value if s isn't fmt's or keeps it elsewhere. fmt
// keeps it in a field of its own, which reflect.Value.Interface would refuse to read.
func printedBy(s fmt.State) reflect.Value {
	printer := reflect.ValueOf(s)
	if printer.Kind() != reflect.Pointer || printer.Elem().Kind() != reflect.Struct || printer.Elem().Type().PkgPath() != "fmt" {
		return reflect.Value{}
	}
	field := printer.Elem().FieldByName("arg")
	if !field.IsValid() || field.Type() != reflect.TypeFor[any]() || !field.CanAddr() {
		return reflect.Value{}
	}
	arg := reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
	return reflect.ValueOf(arg.Interface())
}

func formatFields(s fmt.State, verb rune, whole reflect.Value) {
	addressable := reflect.New(whole.Type()).Elem()
	addressable.Set(whole)
	separator, named := " ", s.Flag('+') || s.Flag('#')
	if s.Flag('#') {
		separator = ", "
		_, _ = io.WriteString(s, whole.Type().String())
	}
	_, _ = io.WriteString(s, "{")
	for i := range whole.NumField() {
		if i > 0 {
			_, _ = io.WriteString(s, separator)
		}
		if named {
			_, _ = io.WriteString(s, whole.Type().Field(i).Name+":")
		}
		fmt.Fprintf(s, fmt.FormatString(s, verb), printable(addressable.Field(i)))
	}
	_, _ = io.WriteString(s, "}")
}

// printable returns a field's value so that fmt calls its methods as it does by itself, and a Format method even where the
// field isn't exported.
func printable(field reflect.Value) any {
	if field.Type().Implements(reflect.TypeFor[fmt.Formatter]()) {
		return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Interface()
	}
	return field // of which fmt prints what it holds, by its methods if it is exported
}
