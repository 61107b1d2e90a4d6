package retry

// Count counts the cooldowns that are remembered.
func (c *Cooldowns) Count() int { return len(c.tenants) }
