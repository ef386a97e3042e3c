//go:build !unix

package speech

import "os/exec"

// ownGroup does nothing: without process groups the program alone is killed.
func ownGroup(*exec.Cmd) {}
