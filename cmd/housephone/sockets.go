package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"housephone/phone/pin"
)

// errConfig marks an error that a person has to mend in the configuration.
var errConfig = errors.New("configuration")

// configError says which variable is wrong; it matches errConfig.
type configError struct{ err error }

func (e configError) Error() string   { return e.err.Error() }
func (e configError) Unwrap() []error { return []error{e.err, errConfig} }

func badVariable(name, value string, err error) error {
	return configError{fmt.Errorf("%s=%q: %w", name, value, err)}
}

// sipSockets binds UDP and TCP to one port.
func sipSockets(ctx context.Context, addr string) (net.PacketConn, net.Listener, error) {
	var lc net.ListenConfig
	for range 20 { // with port 0 the TCP twin of a free UDP port may be taken
		udp, err := lc.ListenPacket(ctx, udpNetwork(addr), addr)
		if err != nil {
			return nil, nil, badVariable("SIP_LISTEN", addr, err)
		}
		bound := udp.LocalAddr().String()
		tcp, err := lc.Listen(ctx, "tcp", bound)
		if err == nil {
			return udp, tcp, nil
		}
		_ = udp.Close()
		if _, port, _ := net.SplitHostPort(addr); port != "0" {
			return nil, nil, badVariable("SIP_LISTEN", addr, err)
		}
	}
	return nil, nil, badVariable("SIP_LISTEN", addr, errors.New("no port is free for both UDP and TCP"))
}

// udpNetwork keeps a socket on 0.0.0.0 an IPv4 socket, so that addresses look as people know them.
func udpNetwork(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "udp"
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() != nil {
		return "udp4"
	}
	return "udp"
}

// sipTLS is the client side of SIP over TLS. A pinned key needs no authority, unless one is named as well.
func sipTLS(c sipEnv) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: bool(c.TLSInsecure)}
	if len(c.TLSPin) > 0 {
		conf.VerifyConnection = pin.Set(c.TLSPin).Verify
		conf.InsecureSkipVerify = conf.InsecureSkipVerify || c.TLSCAFile == ""
	}
	if c.TLSCAFile == "" {
		return conf, nil
	}
	pem, err := os.ReadFile(c.TLSCAFile)
	if err != nil {
		return nil, badVariable("SIP_TLS_CA_FILE", c.TLSCAFile, err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return nil, badVariable("SIP_TLS_CA_FILE", c.TLSCAFile, errors.New("no PEM certificate in it"))
	}
	return conf, nil
}
