//go:build !cgo || !linux

package device

// systems are the sound systems of a build without cgo.
func systems() []system { return []system{newPulse()} }
