//go:build !sound

package e2e

// everything is the whole matrix of make e2e-sound.
const everything = false
