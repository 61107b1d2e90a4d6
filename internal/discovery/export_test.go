package discovery

// Kept counts the documents that are kept.
func (d *Documents) Kept() int { return len(d.kept) }
