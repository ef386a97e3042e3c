package account

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
)

func (m *Machine) silence() failure {
	return failure{kind: away, reason: "no answer", hint: m.silenceHint()}
}

func (m *Machine) silenceHint() string {
	over := ""
	if m.cfg.Transport != "" {
		over = " over " + m.cfg.Transport
	}
	return m.server() + " does not answer" + over + ": is it on, and are address, port and transport right? A firewall may drop " +
		"the packets, and some servers (FRITZ!Box, fail2ban) fall silent for a while after wrong passwords"
}

// lostInfo is shown when the registrar vanished between two REGISTERs.
func (m *Machine) lostInfo() Info {
	return Info{State: Registering, Reason: "connection lost", Hint: m.server() + " went away; it is asked again until it is back"}
}

// trouble explains an error of resolver, socket or TLS.
func (m *Machine) trouble(err error) failure {
	if err == nil {
		return m.silence()
	}
	f := failure{kind: away, reason: clean(err.Error())}
	if hint := tlsHint(err); hint != "" {
		f.kind, f.hint = other, hint
		return f
	}
	f.hint = m.netHint(err)
	return f
}

// tlsHint is empty for errors that are not about TLS. They do not mend themselves, so they get
// the slow pace.
func tlsHint(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		roots   x509.SystemRootsError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		verify  *tls.CertificateVerificationError
		hinter  interface{ Hint() string } // such as an error of package pin
	)
	switch {
	case errors.As(err, &hinter):
		return hinter.Hint()
	case errors.As(err, &unknown):
		return "the server's certificate is signed by an authority that is not known here: give its file with SIP_TLS_CA_FILE, or pin the key with SIP_TLS_PIN"
	case errors.As(err, &host):
		return "the server's certificate is for another name: use the name that stands in the certificate as server"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet: renew it, and check the clock of this machine"
	case errors.As(err, &invalid), errors.As(err, &roots), errors.As(err, &verify):
		return "the server's certificate is not accepted: check it and the CA file"
	case errors.As(err, &record):
		return "the server does not speak TLS on this port: the TLS port is often 5061"
	case errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return "the server ended the TLS handshake: it may want a client certificate or another TLS version"
	}
	return ""
}

func (m *Machine) netHint(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the name of the server is unknown: check its spelling, or enter its address"
	case errors.As(err, &dns):
		return "the name of the server could not be looked up: check the DNS server of this machine, or enter the address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return m.server() + " is there but nothing listens on this port: check port and transport, and whether the service runs"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EHOSTDOWN):
		return "there is no way to " + m.server() + ": check cable, Wi-Fi, VPN and the address"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return m.server() + " closed the connection: it may want another transport, such as TLS, or be restarting"
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EADDRINUSE):
		return "the local address cannot be used: check the listen address of this machine"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "this machine forbids sending to " + m.server() + ": check its firewall"
	case errors.Is(err, syscall.EMSGSIZE):
		return "the request is too large for the network: use TCP"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return m.silenceHint()
	}
	return m.server() + " cannot be reached; it is asked again"
}
