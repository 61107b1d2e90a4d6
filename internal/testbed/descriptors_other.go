//go:build !unix

package testbed

// descriptors is how many connections this process may have: ports are what is scarce.
func descriptors() int { return 12000 }
