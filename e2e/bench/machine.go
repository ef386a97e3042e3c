package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the figures were measured on.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	System string `json:"system"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Load   string `json:"load"` // averages of 1, 5 and 15 minutes before the run
	Root   bool   `json:"root"` // with its rights, sound is sent from a thread of real-time priority
}

func thisMachine() machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Root: os.Geteuid() == 0}
	m.CPU = value("/proc/cpuinfo", "model name", ":")
	m.System = strings.Trim(value("/etc/os-release", "PRETTY_NAME", "="), `"`)
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	return m
}

// value is that of the first line "name <sep> value" of a file; "unknown" without one.
func value(path, name, sep string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, sep); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func (m machine) String() string {
	user := "an ordinary user"
	if m.Root {
		user = "root"
	}
	return fmt.Sprintf("%s, %d cores, %s, Linux %s, %s, run as %s, load before %s", m.CPU, m.Cores, m.System, m.Kernel, m.Go, user, m.Load)
}
