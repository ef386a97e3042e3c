package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"housephone/e2e/peers"
)

// brokerConfig keeps nothing on disk and writes no log: neither belongs to what is measured.
const brokerConfig = `listener %d 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
log_type none
`

// startBroker starts mosquitto and returns its port.
func startBroker(t testing.TB, ports *peers.Ports) int {
	t.Helper()
	port := ports.Next()
	path := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(path, fmt.Appendf(nil, brokerConfig, port), 0o600); err != nil {
		t.Fatal(err)
	}
	peers.Start(t, peers.Command{
		Path: peers.Program(t, "mosquitto"), Args: []string{"-c", path},
		Ready: func(*peers.Process) bool { return accepts(t, port) },
	})
	return port
}

func accepts(t testing.TB, port int) bool {
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", peers.Loopback(port))
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
