// Package proc runs a command so that nothing that it started stays behind, and so that it doesn't outlive this program: on
// Unix by its process group, on Windows by a job object.
package proc

import "time"

// Grace is how long processes have to end after they were asked to, before they are killed.
const Grace = 2 * time.Second
