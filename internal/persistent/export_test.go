package persistent

// Count counts what is remembered.
func (l *Lent) Count() int { return len(l.hashes) }
