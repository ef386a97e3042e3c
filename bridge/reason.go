package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// reason is why there is no connection, in words, and whether the broker said no (as opposed to: is away).
type reason struct {
	text    string
	refused bool
}

// explain finds the words for the error of an attempt to connect.
func explain(err error) reason {
	for _, look := range []func(error) (reason, bool){refusal, certificate, absence} {
		if r, ok := look(err); ok {
			return r
		}
	}
	return reason{text: err.Error()}
}

// refusal knows the return codes of CONNACK (MQTT 3.1.1 section 3.2.2.3).
func refusal(err error) (reason, bool) {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return reason{"the broker refuses the user name or the password", true}, true
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return reason{"the broker refuses the client id", true}, true
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return reason{"the broker does not speak MQTT 3.1.1", true}, true
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return reason{"the broker is not ready", false}, true
	}
	return reason{}, false
}

func certificate(err error) (reason, bool) {
	var (
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		remote  *net.OpError
	)
	switch {
	case errors.As(err, &name):
		return reason{fmt.Sprintf("the certificate of the broker is not for %s but for %s", name.Host, names(name.Certificate)), true}, true
	case errors.As(err, &unknown):
		return reason{"the certificate of the broker is signed by an authority that is not known here", true}, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return reason{"the certificate of the broker has expired or is not valid yet (is the clock right?)", true}, true
	case errors.As(err, &invalid):
		return reason{"the certificate of the broker is not valid: " + invalid.Error(), true}, true
	case errors.As(err, &record):
		return reason{"the broker does not speak TLS on this port", true}, true
	case errors.As(err, &remote) && remote.Op == "remote error":
		return reason{"the broker ends the TLS handshake (does it want a client certificate?): " + remote.Err.Error(), true}, true
	}
	return reason{}, false
}

func names(c *x509.Certificate) string {
	list := c.DNSNames
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) == 0 {
		return "no name at all"
	}
	return strings.Join(list, ", ")
}

func absence(err error) (reason, bool) {
	var (
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return reason{text: fmt.Sprintf("the name %s is not known", dns.Name)}, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return reason{text: "the connection is refused: nothing listens on this port"}, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return reason{text: "there is no way to the broker's network address"}, true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return reason{text: "the broker does not answer in time"}, true
	case errors.Is(err, net.ErrClosed), errors.Is(err, errClosedHere):
		return reason{text: "the broker does not answer in time, or has been stopped"}, true
	case closedByPeer(err):
		return reason{text: "the broker closes the connection before it answers (is the port for TLS?)"}, true
	case strings.Contains(err.Error(), "websocket: bad handshake"): // the library has no type that could be asked
		return reason{text: "the server does not speak MQTT over WebSocket under this path", refused: true}, true
	}
	return reason{}, false
}

// closedByPeer says that the other side ended the connection.
func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
