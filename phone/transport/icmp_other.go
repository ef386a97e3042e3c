//go:build !linux

package transport

import "net"

// Without an error queue a vanished UDP peer shows only by the time-out of the transaction.
func enableErrorQueue(*net.UDPConn) error { return nil }

func readErrorQueue(*net.UDPConn) []icmpError { return nil }
