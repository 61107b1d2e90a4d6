package fixture

type counter[T any] struct {
	n    int
	done chan T
}

func (c *counter[T]) add(step int, last T) (sum int, err error) {
	if step < 0 {
		return 0, nil
	}
	for c.n < 10 && !c.full() {
		c.n += step
		c.note("added", 3)
	}
	defer close(c.done)
	c.done <- last
	go func() {
		c.n++
	}()
	switch {
	case c.n == step:
		return c.n, nil
	}
	return step, err
}

func (c *counter[T]) full() bool { return true }

func (c *counter[T]) note(string, int) {}
