package sdes

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func inline(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestParse(t *testing.T) {
	k30, k46, k28, k44 := inline(30), inline(46), inline(28), inline(44)
	for _, tc := range []struct {
		value string
		want  Attribute // without Key
		err   error
	}{
		// RFC 4568 4.1
		{"1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32", Attribute{Tag: 1, Suite: AES128CM80, MKI: strings.Repeat("\x00", 31) + "\x01"}, nil},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30, Attribute{Tag: 1, Suite: AES128CM80}, nil},
		{"  999999999  AES_CM_128_HMAC_SHA1_32  INLINE:" + k30 + " ", Attribute{Tag: 999999999, Suite: AES128CM32}, nil},
		{"2 AES_256_CM_HMAC_SHA1_80 inline:" + k46, Attribute{Tag: 2, Suite: AES256CM80}, nil},
		{"2 AES_256_CM_HMAC_SHA1_32 inline:" + strings.TrimRight(k46, "="), Attribute{Tag: 2, Suite: AES256CM32}, nil},
		{"2 AES_CM_256_HMAC_SHA1_80 inline:" + k46, Attribute{Tag: 2, Suite: AES256CM80, spelled: "AES_CM_256_HMAC_SHA1_80"}, nil},
		{"3 AEAD_AES_128_GCM inline:" + k28, Attribute{Tag: 3, Suite: AES128GCM}, nil},
		{"4 AEAD_AES_256_GCM inline:" + k44 + "|2^48", Attribute{Tag: 4, Suite: AES256GCM}, nil},
		{"4 AEAD_AES_256_GCM inline:" + k44 + "|1048576|513:2", Attribute{Tag: 4, Suite: AES256GCM, MKI: "\x02\x01"}, nil},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:4 WSH=64 KDR=0 -X=y", Attribute{Tag: 1, Suite: AES128CM80, MKI: "\x00\x00\x00\x01"}, nil},

		{"", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80", Attribute{}, ErrSyntax},
		{"x AES_CM_128_HMAC_SHA1_80 inline:" + k30, Attribute{}, ErrSyntax},
		{"-1 AES_CM_128_HMAC_SHA1_80 inline:" + k30, Attribute{}, ErrSyntax},
		{"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + k30, Attribute{}, ErrSyntax},
		{"1 F8_128_HMAC_SHA1_80 inline:" + k30, Attribute{}, ErrUnsupported},
		{"1 NULL_HMAC_SHA1_80 inline:" + k30, Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 uri:https://x", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + inline(29), Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + inline(31), Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k46, Attribute{}, ErrSyntax},
		{"1 AES_256_CM_HMAC_SHA1_80 inline:" + k30, Attribute{}, ErrSyntax},
		{"1 AEAD_AES_128_GCM inline:" + k30, Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:!" + k30[1:], Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^49", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|0", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^4", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1000", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:0", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:129", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|256:1", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|2^31|1:1|x", Attribute{}, ErrSyntax},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + "|1:4;inline:" + k30 + "|2:4", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " UNENCRYPTED_SRTP", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " unencrypted_srtcp", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " UNAUTHENTICATED_SRTP", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + " KDR=4", Attribute{}, ErrUnsupported},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + k30 + strings.Repeat(" -x", 400), Attribute{}, ErrSyntax},
	} {
		got, err := Parse(tc.value)
		if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
			t.Errorf("%.80s: %v, want %v", tc.value, err, tc.err)
			continue
		}
		if err != nil {
			if strings.Contains(err.Error(), k30[:8]) {
				t.Errorf("the error tells the key: %v", err)
			}
			continue
		}
		key := got.Key
		if got.Key = (Key{}); got != tc.want {
			t.Errorf("%.80s: %+v, want %+v", tc.value, got, tc.want)
		}
		if n, m, _ := got.Suite.Lengths(); len(key.Octets()) != n+m {
			t.Errorf("%.80s: key of %d octets", tc.value, len(key.Octets()))
		}
	}
}

func TestValueIsReadAgain(t *testing.T) {
	for _, s := range Suites() {
		key, err := NewKey(rand.Reader, s)
		if err != nil {
			t.Fatal(err)
		}
		a := Attribute{Tag: 7, Suite: s, Key: key}
		got, err := Parse(a.Value())
		if err != nil || got != a {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
		other, err := NewKey(rand.Reader, s)
		if err != nil || other == key {
			t.Errorf("%s: a second key is the first: %v", s, err)
		}
		remote := got.Answer(other)
		if both, ok := Agree(a, remote); !ok || both.LocalKey != key || both.RemoteKey != other || !both.On() {
			t.Errorf("%s: %v %v", s, both, ok)
		}
		remote.Tag++
		if _, ok := Agree(a, remote); ok {
			t.Errorf("%s: another tag fits", s)
		}
	}
	if _, err := NewKey(rand.Reader, "NULL"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("key for no suite: %v", err)
	}
	if _, err := NewKey(strings.NewReader("short"), AES128CM80); err == nil {
		t.Error("a key of five octets")
	}
}

func TestDraftNameIsAnsweredAsSpelled(t *testing.T) {
	a, err := Parse("5 AES_CM_256_HMAC_SHA1_80 inline:" + inline(46) + "|1:4")
	if err != nil {
		t.Fatal(err)
	}
	if v := a.Answer(a.Key).Value(); v != "5 AES_CM_256_HMAC_SHA1_80 inline:"+inline(46) {
		t.Error(v)
	}
}

func TestValidate(t *testing.T) {
	short, long := KeyOf(make([]byte, 30)), KeyOf(make([]byte, 46))
	for _, tc := range []struct {
		s  SRTP
		ok bool
	}{
		{SRTP{}, true}, {SRTP{Suite: AES128CM80, LocalKey: short, RemoteKey: short}, true},
		{SRTP{Suite: AES256CM80, LocalKey: long, RemoteKey: short}, false},
		{SRTP{Suite: AES128CM80, LocalKey: short}, false}, {SRTP{LocalKey: short, RemoteKey: short}, false},
		{SRTP{Suite: AES128CM80, LocalKey: short, RemoteKey: short, RemoteMKI: strings.Repeat("x", 129)}, false},
	} {
		if err := tc.s.Validate(); (err == nil) != tc.ok {
			t.Errorf("%v: %v", tc.s, err)
		}
	}
}

// TestKeysAreNeverPrinted prints everything in every way, also inside of other structs.
func TestKeysAreNeverPrinted(t *testing.T) {
	secret := []byte("very-secret-key-and-its-salt-0")
	k := KeyOf(secret)
	a := Attribute{Tag: 1, Suite: AES128CM80, Key: k}
	s := SRTP{Suite: AES128CM80, LocalKey: k, RemoteKey: k}
	around := struct {
		a any
		k Key
		s SRTP
		p *Attribute
	}{a, k, s, &a}
	var out bytes.Buffer
	for _, v := range []any{k, a, s, around, &around, []Key{k}, map[Key]SRTP{k: s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		b, _ := json.Marshal(v)
		out.Write(b)
	}
	text := strings.ToLower(out.String())
	for _, form := range []string{
		string(secret[:8]), fmt.Sprintf("%x", secret[:8]), base64.StdEncoding.EncodeToString(secret[:9]), "118 101 114 121",
	} {
		if strings.Contains(text, strings.ToLower(form)) {
			t.Errorf("the key is printed as %q:\n%s", form, text)
		}
	}
	if k.String() != "hidden" || (Key{}).String() != "none" || KeyOf(nil) != (Key{}) || !bytes.Equal(k.Octets(), secret) {
		t.Errorf("%v %v", k, Key{})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:32")
	f.Add("4 AEAD_AES_256_GCM inline:" + inline(44) + "|1048576|513:2 WSH=64 -a=b")
	f.Fuzz(func(t *testing.T, value string) {
		a, err := Parse(value)
		if err != nil {
			return
		}
		if len(a.MKI) > maxMKI {
			t.Errorf("MKI of %d octets", len(a.MKI))
		}
		a.MKI = ""
		again, err := Parse(a.Value())
		if err != nil || again != a {
			t.Errorf("%q comes back as %+v, %v", value, again, err)
		}
		if strings.ContainsAny(a.Value(), "\r\n") {
			t.Errorf("%q", a.Value())
		}
	})
}
