// Package e2e holds the tests that drive the service from outside, as its users do: by MQTT topics, environment
// variables and HTTP, with real telephones, brokers and registrars on loopback. The peers are in [housephone/e2e/peers],
// the SIP scenarios in sipp/.
//
// The lanes with the build tags homeassistant and asterisk need a chroot that scripts/homeassistant and
// scripts/asterisk build once.
package e2e
