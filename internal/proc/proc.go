// Package proc runs a command so that nothing that it started stays behind: on Unix by its process group, on Windows by
// the tree of its processes where it is killed.
package proc

import "time"

// Grace is how long processes have to end after they were asked to, before they are killed.
const Grace = 2 * time.Second
