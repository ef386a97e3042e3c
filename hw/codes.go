package hw

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxCodes is how many entries a codes file may have, because an attempt is compared with all of them.
const maxCodes = 64

// entry is one line of a codes file: who may open the door with which code, from where and when.
type entry struct {
	who      string
	hash     hash
	from     []string // patterns; empty = anyone the line is open to, but not by message
	days     [7]bool  // by time.Weekday
	begin    int      // minutes of the day
	end      int
	anyHours bool
}

// Codes is the content of a codes file.
type Codes struct{ entries []entry }

// ParseCodes reads a codes file. A line is
//
//	name hash [from=ADDRESS,ADDRESS*] [days=mon-fri,sun] [hours=07:00-19:00]
//
// where hash is what HashCode gives, from lists who may use the code (written as in Attempt.From; a * at the end stands for
// anything), and
// hours that end before they begin go past midnight. Empty lines and those that begin with # are skipped. A code
// without from is never accepted by message or from who calls in, because such a sender is easily forged. Errors name the line
// and never the hash.
func ParseCodes(r io.Reader) (Codes, error) {
	var codes Codes
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		e, err := parseEntry(fields)
		if err != nil {
			return Codes{}, fmt.Errorf("line %d: %w", n, err)
		}
		if codes.entries = append(codes.entries, e); len(codes.entries) > maxCodes {
			return Codes{}, fmt.Errorf("line %d: more than %d codes", n, maxCodes)
		}
	}
	if err := lines.Err(); err != nil {
		return Codes{}, fmt.Errorf("read codes: %w", err)
	}
	return codes, nil
}

func parseEntry(fields []string) (entry, error) {
	e := entry{who: fields[0], anyHours: true, days: [7]bool{true, true, true, true, true, true, true}}
	if len(fields) < 2 {
		return entry{}, fmt.Errorf("%s has no hash", e.who)
	}
	var err error
	if e.hash, err = parseHash(fields[1]); err != nil {
		return entry{}, err
	}
	given := make(map[string]bool)
	for _, field := range fields[2:] {
		name, value, _ := strings.Cut(field, "=")
		if given[name] {
			return entry{}, fmt.Errorf("%s is given twice", name)
		}
		given[name] = true
		switch name {
		case "from":
			e.from, err = parseFrom(value)
		case "days":
			e.days, err = parseDays(value)
		case "hours":
			e.anyHours = false
			e.begin, e.end, err = parseHours(value)
		default:
			err = fmt.Errorf("unknown word %q; from=, days= and hours= are possible", field)
		}
		if err != nil {
			return entry{}, err
		}
	}
	return e, nil
}

func parseFrom(value string) ([]string, error) {
	patterns := strings.Split(value, ",")
	for _, p := range patterns {
		if p == "" || p == "*" || strings.Contains(strings.TrimSuffix(p, "*"), "*") {
			return nil, fmt.Errorf("from=%s: addresses, or their begin and a *, are possible", value)
		}
	}
	return patterns, nil
}

func parseDays(value string) ([7]bool, error) {
	names := map[string]int{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
	var days [7]bool
	for part := range strings.SplitSeq(value, ",") {
		first, last, ranged := strings.Cut(strings.ToLower(part), "-")
		if !ranged {
			last = first
		}
		from, okFrom := names[first]
		to, okTo := names[last]
		if !okFrom || !okTo {
			return days, fmt.Errorf("days=%s: mon, tue, wed, thu, fri, sat, sun and ranges are possible", value)
		}
		for days[from] = true; from != to; days[from] = true {
			from = (from + 1) % 7
		}
	}
	return days, nil
}

func parseHours(value string) (begin, end int, err error) {
	first, last, _ := strings.Cut(value, "-")
	from, errFrom := time.Parse("15:04", first)
	to, errTo := time.Parse("15:04", last)
	if last == "24:00" {
		to, errTo = time.Time{}.Add(24*time.Hour), nil
	}
	if errFrom != nil || errTo != nil || first == last {
		return 0, 0, fmt.Errorf("hours=%s: a range such as 07:00-19:00 is possible", value)
	}
	begin, end = 60*from.Hour()+from.Minute(), 60*to.Hour()+to.Minute()
	if last == "24:00" {
		end = 24 * 60
	}
	return begin, end, nil
}

// open tells whether the entry holds at now, by its local day and hour.
func (e entry) open(now time.Time) bool {
	if !e.days[now.Weekday()] {
		return false
	}
	minute := 60*now.Hour() + now.Minute()
	switch {
	case e.anyHours:
		return true
	case e.begin < e.end:
		return minute >= e.begin && minute < e.end
	}
	return minute >= e.begin || minute < e.end
}

// allows tells whether the entry holds for a caller.
func (e entry) allows(from string, how How) bool {
	if len(e.from) == 0 {
		return how == HowDTMF
	}
	for _, pattern := range e.from {
		begin, open := strings.CutSuffix(pattern, "*")
		if from == pattern || open && strings.HasPrefix(from, begin) {
			return true
		}
	}
	return false
}

// Check finds who a code belongs to at now. It answers ErrWrongCode, ErrNotNow or ErrNotFromHere, the last two with
// the name. It takes as long as all hashes take.
func (c Codes) Check(code Code, from string, how How, now time.Time) (who string, err error) {
	err = ErrWrongCode
	if !code.valid() {
		return "", err
	}
	m := matcher{code: code, sums: make(map[cost][]byte)}
	for _, e := range c.entries {
		if !m.matches(e.hash) || err == nil {
			continue
		}
		switch {
		case !e.allows(from, how):
			who, err = e.who, ErrNotFromHere
		case !e.open(now):
			who, err = e.who, ErrNotNow
		default:
			who, err = e.who, nil
		}
	}
	return who, err
}
