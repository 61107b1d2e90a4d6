package msal

// Kept counts the documents that are kept.
func (d *Documents) Kept() int { return len(d.kept) }

// Count counts the tokens that are remembered.
func (l *Lent) Count() int { return len(l.hashes) }
