package redact

import "reflect"

// Error is Gate's.
func Error(err error, secrets ...string) error { return Against(secrets...).Error(err) }

// Error returns somebody else's err with its text on one line that has passed the gate. errors.Is and errors.As find in it
// what they find in err, and no way of printing it shows more. An error of which that holds already is returned as it is.
func (g *Gate) Error(err error) error { return g.reword(err, g.Line) }

// Report is Error for an error whose line ends are to be kept, because there is a report of this module's in it.
func (g *Gate) Report(err error) error { return g.reword(err, g.Text) }

func (g *Gate) reword(err error, pass func(string) string) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	if text := pass(said); text != said || showsFields(reflect.TypeOf(err)) {
		return reworded{text, func() error { return err }}
	}
	return err
}

// showsFields tells whether JSON and the like show more of an error than its text.
func showsFields(err reflect.Type) bool {
	if err.Kind() == reflect.Pointer {
		err = err.Elem()
	}
	switch err.Kind() {
	case reflect.Struct:
		for i := range err.NumField() {
			if err.Field(i).IsExported() {
				return true
			}
		}
		return false
	case reflect.Map, reflect.Slice, reflect.Array:
		return true
	}
	return false
}

// reworded keeps the original in a function, which nothing that prints or walks values can look into.
type reworded struct {
	text     string
	original func() error
}

func (e reworded) Error() string { return e.text }
func (e reworded) Unwrap() error { return e.original() }
