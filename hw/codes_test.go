package hw

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// cheap is a hash of little cost, to be like in tests.
const cheap = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"

func hashOf(t testing.TB, code Code) string {
	t.Helper()
	h, err := HashCode(code, cheap)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashIsThatOfOthers(t *testing.T) {
	// A vector of the reference implementation of Argon2 (src/test.c, version 0x13).
	h, err := parseHash("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	if err != nil {
		t.Fatal(err)
	}
	m := matcher{code: "password", sums: make(map[cost][]byte)}
	if !m.matches(h) {
		t.Error("the right password does not match")
	}
	if (&matcher{code: "passwore", sums: make(map[cost][]byte)}).matches(h) {
		t.Error("a wrong password matches")
	}
}

func TestHashCode(t *testing.T) {
	first, err := HashCode("4711", "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := HashCode("4711", "")
	if err != nil {
		t.Fatal(err)
	}
	like, err := HashCode("4711", first)
	if err != nil {
		t.Fatal(err)
	}
	if first == second || first != like || !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %s, %s, %s", first, second, like)
	}
	for _, bad := range []Code{"", "123", "12345678901234567", "12#4", "12 4", "abcd", "12\n4"} {
		if _, err := HashCode(bad, ""); err == nil || bad != "" && strings.Contains(err.Error(), string(bad)) {
			t.Errorf("code %q: %v", string(bad), err)
		}
	}
	if _, err := HashCode("4711", "nonsense"); err == nil {
		t.Error("a hash like nonsense")
	}
}

func TestCodeHidesItself(t *testing.T) {
	said := fmt.Sprintf("%v %s %q %#v %+v %v", Code("4711"), Code("4711"), Code("4711"), Code("4711"), Attempt{Code: "4711"}, Code("4711").LogValue())
	if strings.Contains(said, "4711") {
		t.Error(said)
	}
}

func TestCodes(t *testing.T) {
	codes, err := ParseCodes(strings.NewReader(fmt.Sprintf(`
# who, hash, and when
family %s
postman %s from=601,39* days=mon-fri hours=08:00-14:00
night  %s from=sip:guard@example.org hours=22:00-06:00
sunday %s days=sat-mon
`, hashOf(t, "4711"), hashOf(t, "1234"), hashOf(t, "0815"), hashOf(t, "7777"))))
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	at := func(day, hour, minute int) time.Time {
		return monday.AddDate(0, 0, day).Add(time.Duration(60*hour+minute) * time.Minute)
	}
	for _, tc := range []struct {
		name string
		code Code
		from string
		how  How
		now  time.Time
		who  string
		err  error
	}{
		{"a resident", "4711", "anyone", HowDTMF, at(0, 3, 0), "family", nil},
		{"a code without from, by message", "4711", "601", HowMessage, at(0, 3, 0), "family", ErrNotFromHere},
		{"a wrong code", "4712", "601", HowDTMF, at(0, 9, 0), "", ErrWrongCode},
		{"half a code", "471", "601", HowDTMF, at(0, 9, 0), "", ErrWrongCode},
		{"no code", "", "601", HowDTMF, at(0, 9, 0), "", ErrWrongCode},
		{"the postman", "1234", "601", HowDTMF, at(0, 8, 0), "postman", nil},
		{"the postman by message", "1234", "601", HowMessage, at(0, 13, 59), "postman", nil},
		{"the postman from abroad", "1234", "3902123", HowDTMF, at(4, 8, 0), "postman", nil},
		{"the postman from elsewhere", "1234", "6011", HowDTMF, at(0, 8, 0), "postman", ErrNotFromHere},
		{"the postman too early", "1234", "601", HowDTMF, at(0, 7, 59), "postman", ErrNotNow},
		{"the postman too late", "1234", "601", HowDTMF, at(0, 14, 0), "postman", ErrNotNow},
		{"the postman on Saturday", "1234", "601", HowDTMF, at(5, 9, 0), "postman", ErrNotNow},
		{"the guard before midnight", "0815", "sip:guard@example.org", HowMessage, at(0, 23, 0), "night", nil},
		{"the guard after midnight", "0815", "sip:guard@example.org", HowMessage, at(0, 5, 59), "night", nil},
		{"the guard at noon", "0815", "sip:guard@example.org", HowMessage, at(0, 12, 0), "night", ErrNotNow},
		{"days over the end of the week: Sunday", "7777", "x", HowDTMF, at(6, 12, 0), "sunday", nil},
		{"days over the end of the week: Monday", "7777", "x", HowDTMF, at(0, 12, 0), "sunday", nil},
		{"days over the end of the week: Tuesday", "7777", "x", HowDTMF, at(1, 12, 0), "sunday", ErrNotNow},
	} {
		who, err := codes.Check(tc.code, tc.from, tc.how, tc.now)
		if who != tc.who || !errors.Is(err, tc.err) {
			t.Errorf("%s: %q, %v", tc.name, who, err)
		}
	}
}

func TestOneCodeWithTwoTimes(t *testing.T) {
	hash := hashOf(t, "1234")
	codes, err := ParseCodes(strings.NewReader("cleaner " + hash + " days=mon\ncleaner " + hash + " days=wed\n"))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[int]error{2: nil, 3: ErrNotNow, 4: nil} {
		if _, err := codes.Check("1234", "", HowDTMF, time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC)); !errors.Is(err, want) {
			t.Errorf("March %d: %v", day, err)
		}
	}
}

func TestGarbageCodesFiles(t *testing.T) {
	good := hashOf(t, "4711")
	for _, bad := range []string{
		"family",
		"family 4711",
		"family $argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"family $argon2id$v=16$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"family $argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"family $argon2id$v=19$m=8,t=1000000,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"family $argon2id$v=19$m=8,t=1,p=0$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"family $argon2id$v=19$m=8,t=1,p=1,x=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"family $argon2id$v=19$m=8,t=1,p=1$c2Fs$AAAAAAAAAAAAAAAAAAAAAA",
		"family $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA",
		"family $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$!!!",
		"family " + good + " form=601",
		"family " + good + " from=",
		"family " + good + " from=*",
		"family " + good + " from=6*1",
		"family " + good + " from=1 from=2",
		"family " + good + " days=monday",
		"family " + good + " days=mon-",
		"family " + good + " hours=8-14",
		"family " + good + " hours=08:00-25:00",
		"family " + good + " hours=08:00-08:00",
		strings.Repeat("family "+good+"\n", maxCodes+1),
		"\x00\xff\xfe",
		strings.Repeat("x", 1<<17),
	} {
		_, err := ParseCodes(strings.NewReader(bad))
		if err == nil {
			t.Errorf("accepted %.80q", bad)
			continue
		}
		if strings.Contains(err.Error(), "AAAAAAAA") || strings.Contains(err.Error(), "4711") {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
	if _, err := ParseCodes(strings.NewReader("family " + good + " hours=00:00-24:00\r\n\r\n#\r\n")); err != nil {
		t.Error(err)
	}
}

func FuzzParseCodes(f *testing.F) {
	f.Add("family " + cheap + " from=601,39* days=mon-fri hours=22:00-06:00\n# comment")
	f.Fuzz(func(t *testing.T, text string) {
		codes, err := ParseCodes(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range codes.entries {
			c := e.hash.cost
			if c.memory > maxHashMemory || c.passes > maxHashPasses || len(e.hash.sum) < 16 {
				t.Fatalf("accepted cost %+v", c)
			}
			e.open(epoch())
			if e.allows("", HowMessage) {
				t.Fatalf("%q lets anyone in by message", text)
			}
		}
	})
}

func BenchmarkCheckTwentyCodesOfOneSalt(b *testing.B) {
	first, err := HashCode("0000", "")
	if err != nil {
		b.Fatal(err)
	}
	var file strings.Builder
	for i := range 20 {
		h, err := HashCode(Code(fmt.Sprint(1000+i)), first)
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&file, "flat%d %s\n", i, h)
	}
	codes, err := ParseCodes(strings.NewReader(file.String()))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if who, err := codes.Check("1019", "601", HowDTMF, epoch()); err != nil || who != "flat19" {
			b.Fatal(who, err)
		}
	}
}
