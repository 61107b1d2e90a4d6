package tokenserver

// Serve is Start on a listener of the test's.
var Serve = serve

const (
	Path              = managedIdentityPath
	MaxQuery          = maxQuery
	MaxHeader         = maxHeader
	ReadHeaderTimeout = readHeaderTimeout
	MaxStrangers      = maxStrangers
	MaxAdmitted       = maxAdmitted
	Patience          = patience
)
