package topics

import (
	"errors"
	"strings"
	"testing"
)

func TestFull(t *testing.T) {
	tests := []struct{ address, atServer, alone string }{ // "" = refused
		{"601", "sip:601@pbx", ""},
		{" 601 ", "sip:601@pbx", ""},
		{"anna", "sip:anna@pbx", ""},
		{"john.doe", "sip:john.doe@pbx", "sip:john.doe"},
		{"+39 02 123-456", "sip:+3902123456@pbx", ""},
		{"(0)30/123", "sip:030123@pbx", ""},
		{"*21#", "sip:*21%23@pbx", ""},
		{"*", "sip:*@pbx", ""},
		{"jürgen", "sip:j%C3%BCrgen@pbx", ""},
		{"a%40b", "sip:a%40b@pbx", ""},
		{"anna@example.org", "sip:anna@example.org", "sip:anna@example.org"},
		{"ANNA@Example.ORG:5070;transport=tcp", "sip:ANNA@example.org:5070;transport=tcp", "sip:ANNA@example.org:5070;transport=tcp"},
		{"12-34@pbx", "sip:12-34@pbx", "sip:12-34@pbx"},
		{"a;b=c@pbx", "sip:a;b=c@pbx", "sip:a;b=c@pbx"},
		{"#31#601@pbx", "sip:%2331%23601@pbx", "sip:%2331%23601@pbx"},
		{"sip:601@pbx", "sip:601@pbx", "sip:601@pbx"},
		{"SIP:601", "sip:601@pbx", ""},
		{"sip:host.local", "sip:host.local", "sip:host.local"},
		{"sips:x@h;transport=tls", "sips:x@h;transport=tls", "sips:x@h;transport=tls"},
		{"tel:+39-02;phone-context=x", "sip:+3902@pbx", ""},
		{"127.0.0.1", "sip:127.0.0.1", "sip:127.0.0.1"},
		{"127.0.0.1:5070", "sip:127.0.0.1:5070", "sip:127.0.0.1:5070"},
		{"127.0.0.1:5070;transport=tcp", "sip:127.0.0.1:5070;transport=tcp", "sip:127.0.0.1:5070;transport=tcp"},
		{"601@127.0.0.1:5070", "sip:601@127.0.0.1:5070", "sip:601@127.0.0.1:5070"},
		{"kitchen:5060", "sip:kitchen:5060", "sip:kitchen:5060"},
		{"host.local", "sip:host.local@pbx", "sip:host.local"},
		{"localhost", "sip:localhost@pbx", "sip:localhost"},
		{"::1", "sip:[::1]", "sip:[::1]"},
		{"[FD00::5]:5070", "sip:[fd00::5]:5070", "sip:[fd00::5]:5070"},
		{"601@[::1]:5070", "sip:601@[::1]:5070", "sip:601@[::1]:5070"},
		{"", "", ""},
		{"  ", "", ""},
		{"two words", "", ""},
		{"two words@pbx", "", ""},
		{"a\tb", "", ""},
		{"601\r\nX: y", "", ""},
		{"601%0d%0aX@pbx", "", ""},
		{"601@h\x7f", "", ""},
		{"60\xff1", "", ""},
		{`"Anna" <sip:601@pbx>`, "", ""},
		{"<sip:601@pbx>", "", ""},
		{"Anna <601>", "", ""},
		{"601@", "", ""},
		{"@pbx", "", ""},
		{"a@b@c", "", ""},
		{"sip:", "", ""},
		{"601%zz@pbx", "", ""},
		{"user:secret@pbx", "", ""},
		{"601@pbx?Replaces=x", "", ""},
		{"601@pbx;a b", "", ""},
		{"601;transport=tcp", "", ""},
		{"601@host:0", "", ""},
		{"601@host:99999", "", ""},
		{"601@host:", "", ""},
		{"601@-host", "", ""},
		{"601@ho..st", "", ""},
		{"601@[::1", "", ""},
		{"601@[fe80::1%25eth0]", "", ""},
		{"601@[1.2.3.4]", "", ""},
		{"a&b", "", ""},
		{strings.Repeat("1", 300), "", ""},
	}
	for _, tt := range tests {
		check := func(server, want string) {
			got, err := Addresses{Server: server}.Full(tt.address)
			var e *Error
			if got != want || (err != nil) != (want == "") || err != nil && (!errors.As(err, &e) || e.Code != Invalid || strings.ContainsAny(e.Message, "\r\n")) {
				t.Errorf("server %q: Full(%.60q) = %q, %v; want %q", server, tt.address, got, err, want)
			}
		}
		check("pbx", tt.atServer)
		check("", tt.alone)
	}
}

func TestFullAtServerWithPort(t *testing.T) {
	for server, want := range map[string]string{"pbx:5070": "sip:601@pbx:5070", "10.0.0.1": "sip:601@10.0.0.1", "::1": "sip:601@[::1]",
		"[::1]:5070": "sip:601@[::1]:5070", "PBX.local": "sip:601@pbx.local", "not a host": ""} {
		got, err := Addresses{Server: server}.Full("601")
		if got != want || (err != nil) != (want == "") {
			t.Errorf("server %q: %q, %v", server, got, err)
		}
	}
}

func TestShort(t *testing.T) {
	tests := []struct{ uri, atServer, alone string }{
		{"sip:601@pbx", "601", "601@pbx"},
		{"sip:601@PBX:5060;transport=tcp", "601", "601@pbx:5060;transport=tcp"},
		{"sip:601@pbx:5070", "601@pbx:5070", "601@pbx:5070"},
		{"<sip:601@pbx;lr>", "601", "601@pbx"},
		{"sip:601:secret@pbx", "601", "601@pbx"},
		{"sip:601@pbx?X=y", "601", "601@pbx"},
		{"sip:%2a21%23@pbx", "*21#", "*21#@pbx"},
		{"sip:j%C3%BCrgen@pbx", "jürgen", "jürgen@pbx"},
		{"sip:12-34@pbx", "12-34@pbx", "12-34@pbx"},
		{"sip:a;b=c@pbx", "a;b=c@pbx", "a;b=c@pbx"},
		{"sip:a%40b@pbx", "a%40b", "a%40b@pbx"},
		{"sip:x@other:5070;transport=TCP;lr;ob", "x@other:5070;transport=tcp", "x@other:5070;transport=tcp"},
		{"sip:x@other;transport=udp", "x@other", "x@other"},
		{"sip:127.0.0.1:5070", "127.0.0.1:5070", "127.0.0.1:5070"},
		{"sip:[::1]:5070", "[::1]:5070", "[::1]:5070"},
		{"sip:host.local", "sip:host.local", "host.local"},
		{"sips:601@pbx", "sips:601@pbx", "sips:601@pbx"},
		{"tel:+39-02;phone-context=x", "+3902", "+39-02"},
		{"sip:anonymous@anonymous.invalid", "anonymous@anonymous.invalid", "anonymous@anonymous.invalid"},
		{"unknown:a b\r\nc\x00", "unknown:a b c", "unknown:a b c"},
		{"", "", ""},
	}
	for _, tt := range tests {
		if got := (Addresses{Server: "pbx"}).Short(tt.uri); got != tt.atServer {
			t.Errorf("server: Short(%q) = %q, want %q", tt.uri, got, tt.atServer)
		}
		if got := (Addresses{}).Short(tt.uri); got != tt.alone {
			t.Errorf("alone: Short(%q) = %q, want %q", tt.uri, got, tt.alone)
		}
	}
	if got := (Addresses{Server: "pbx:5070"}).Short("sip:601@pbx"); got != "601" {
		t.Errorf("no port is the server's port: %q", got)
	}
	if got := (Addresses{Server: "pbx:5070"}).Short("sip:601@pbx:5060"); got != "601@pbx:5060" {
		t.Errorf("another port is another server: %q", got)
	}
	if got := (Addresses{}).Short(strings.Repeat("x", 999)); len([]rune(got)) != maxAddress {
		t.Errorf("%d characters", len([]rune(got)))
	}
}
