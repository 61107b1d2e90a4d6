//go:build !unix

package proc

// RemoveAtDeath does nothing: there is no shell to wait for this program's death.
func RemoveAtDeath(string) (release func()) { return func() {} }
