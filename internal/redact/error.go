package redact

// Error is Gate's.
func Error(err error, secrets ...string) error { return Against(secrets...).Error(err) }

// Error returns err with its text on one line that has passed the gate. Where that changes nothing it is err itself;
// otherwise errors.Is and errors.As find in it what they find in err, and no way of printing it shows more.
func (g *Gate) Error(err error) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	if text := g.Line(said); text != said {
		return reworded{text, func() error { return err }}
	}
	return err
}

// reworded keeps the original in a function, which nothing that prints or walks values can look into.
type reworded struct {
	text     string
	original func() error
}

func (e reworded) Error() string { return e.text }
func (e reworded) Unwrap() error { return e.original() }
