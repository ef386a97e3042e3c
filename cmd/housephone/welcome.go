package main

import (
	"fmt"
	"net"
	"strings"
)

// welcome tells a person at the terminal what to do next.
func (s *service) welcome() {
	broker := "-h HOST"
	if s.broker != nil {
		host, port, err := net.SplitHostPort(s.broker.Addr().String())
		if err == nil {
			if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			broker = "-h " + host + " -p " + port
		}
	}
	if s.cfg.MQTT.Username != "" {
		broker += " -u " + s.cfg.MQTT.Username + " -P PASSWORD"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "housephone %s is running.\n\n", version)
	switch {
	case s.phone == nil:
		fmt.Fprintf(&b, "  hardware only, no phone line (SIP_LISTEN=none)\n")
	case s.cfg.SIP.Server == "":
		fmt.Fprintf(&b, "  call this phone      %s\n", s.callAddress())
		fmt.Fprintf(&b, "  call another phone   mosquitto_pub %s -t %s -m 192.168.1.20\n", broker, s.tree.SetTopic("call"))
	default:
		fmt.Fprintf(&b, "  account              %s\n", s.view.aor)
		fmt.Fprintf(&b, "  call another phone   mosquitto_pub %s -t %s -m 601\n", broker, s.tree.SetTopic("call"))
	}
	if s.panel != nil && s.cfg.HW.Doorbell != "" {
		fmt.Fprintf(&b, "  press the bell       mosquitto_pub %s -t %s -m press\n", broker, s.tree.SetTopic("doorbell"))
	}
	if s.panel != nil && s.cfg.HW.Door != "" {
		fmt.Fprintf(&b, "  open the door        mosquitto_pub %s -t %s -m unlock\n", broker, s.tree.SetTopic("door"))
	}
	if s.phone != nil {
		fmt.Fprintf(&b, "  answer, hang up      mosquitto_pub %s -t %s -m answer\n", broker, s.tree.SetTopic("call"))
	}
	fmt.Fprintf(&b, "  watch everything     mosquitto_sub %s -v -t '%s/#'\n", broker, s.tree.Base())
	fmt.Fprintf(&b, "\n  housephone topics lists every topic, housephone -h every setting.\n\n")
	_, _ = fmt.Fprint(s.out, b.String())
}

// callAddress is the SIP address that reaches this phone in stand-alone mode.
func (s *service) callAddress() string {
	host, port, err := net.SplitHostPort(s.sipAddr)
	if err != nil {
		return "sip:" + s.cfg.ID + "@" + s.sipAddr
	}
	if a := s.cfg.SIP.Advertise; a != "" {
		if h, p, err := net.SplitHostPort(a); err == nil {
			host, port = h, p
		} else {
			host = a
		}
	} else if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ownAddress()
	}
	address := net.JoinHostPort(host, port)
	if port == "5060" {
		address = strings.TrimSuffix(address, ":5060")
	}
	return "sip:" + s.cfg.ID + "@" + address
}

// ownAddress is an address of this machine that others may reach.
func ownAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}
