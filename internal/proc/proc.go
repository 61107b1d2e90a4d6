// Package proc runs a command so that nothing that it started stays behind, and so that it doesn't outlive this program: on
// Unix by its process group, on Windows by a job object. It tells processes apart: [Process].
//
// It also knows what files tell of processes and of who runs them: a lock ends with the process that holds it, a folder is the
// user's own or somebody else's, and a file that is read may be another process's to replace.
package proc

import "time"

// Grace is how long processes have to end after they were asked to, before they are killed.
const Grace = 2 * time.Second
