package phonetest

import (
	"slices"
	"testing"
)

func TestParseMsg(t *testing.T) {
	m, err := ParseMsg([]byte("INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKx\r\n" +
		"f: \"A;tag=no\" <sip:a@b;x=y>;tag=1\r\nt: <sip:c@d>\r\ni: id\r\nCSeq: 7 INVITE\r\nSubject: one\r\n two\r\nl: 2\r\n\r\nhello"))
	if err != nil {
		t.Fatal(err)
	}
	n, method := m.CSeq()
	if m.Method != "INVITE" || m.Branch() != "z9hG4bKx" || m.FromTag() != "1" || m.ToTag() != "" || n != 7 ||
		method != "INVITE" || m.Header("subject") != "one two" || string(m.Body) != "he" {
		t.Fatalf("%+v", m)
	}
	for _, bad := range []string{"", "\r\n\r\n", "INVITE sip:a\r\n\r\n", "SIP/2.0 x\r\n\r\n", "A b SIP/2.0\r\nnoname\r\n\r\n",
		"A b SIP/2.0\r\nContent-Length: 9\r\n\r\nshort", "A b SIP/2.0\r\nContent-Length: -1\r\n\r\n"} {
		if _, err := ParseMsg([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a message", bad)
		}
	}
}

func TestHeaders(t *testing.T) {
	m := &Msg{Method: "INFO", URI: "sip:x"}
	m.Add("A", "1")
	m.Add("B", "2")
	m.Add("a", "3")
	m.Set("A", "4")
	if !slices.Equal(m.Headers, []Header{{"A", "4"}, {"B", "2"}}) {
		t.Fatalf("%v", m.Headers)
	}
	m.Del("b")
	m.Set("C", "5")
	if got := string(m.Bytes()); got != "INFO sip:x SIP/2.0\r\nA: 4\r\nC: 5\r\nContent-Length: 0\r\n\r\n" {
		t.Fatalf("%q", got)
	}
}

func FuzzParseMsg(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\nv: x;branch=1,y\r\nCSeq: 1 A\r\nTo: <a>;tag=b\r\n\r\n"))
	f.Add([]byte("A b SIP/2.0\r\n x\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMsg(data)
		if err != nil {
			return
		}
		again, err := ParseMsg(m.Bytes())
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v\n%q", err, m.Bytes())
		}
		if again.Method != m.Method || again.Code != m.Code || string(again.Body) != string(m.Body) || len(m.Headers) > len(again.Headers) {
			t.Fatalf("changed by reading again:\n%q\n%q", m.Bytes(), again.Bytes())
		}
	})
}
