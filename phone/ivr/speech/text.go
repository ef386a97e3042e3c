package speech

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxText is the longest text in bytes.
	MaxText = 16 << 10
	// maxSentence is the longest piece in characters that is spoken at once;
	// the first piece is shorter so that it can be heard early.
	maxSentence, maxFirst = 240, 120
)

// clean makes one line of the text: no controls, no invalid UTF-8, single
// spaces.
func clean(text string) (string, error) {
	if len(text) > MaxText {
		return "", fmt.Errorf("%d bytes, not up to %d: %w", len(text), MaxText, ErrTooLong)
	}
	words := strings.FieldsFunc(strings.ToValidUTF8(text, " "), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
	if !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		return "", ErrText
	}
	return strings.Join(words, " "), nil
}

// sentences cuts a clean text behind full stops and the like; what is too long
// is cut at a comma or, at last, between two words.
func sentences(text string) []string {
	var out []string
	for text != "" {
		limit := maxSentence
		if len(out) == 0 {
			limit = maxFirst
		}
		n := sentenceEnd(text, limit)
		if s := strings.TrimSpace(text[:n]); s != "" {
			out = append(out, s)
		}
		text = text[n:]
	}
	return out
}

// sentenceEnd is where the first sentence ends, in bytes.
func sentenceEnd(text string, limit int) int {
	count, comma, space := 0, 0, 0
	for i, r := range text {
		if count++; count > limit {
			switch {
			case comma > 0:
				return comma
			case space > 0:
				return space
			}
			return i
		}
		end := i + utf8.RuneLen(r)
		switch followed := end == len(text) || text[end] == ' '; {
		case strings.ContainsRune("。！？", r), followed && strings.ContainsRune(".!?…", r) && !abbreviated(text[:i]):
			return end
		case followed && strings.ContainsRune(",;:", r):
			comma = end
		case r == ' ':
			space = end
		}
	}
	return len(text)
}

// abbreviated tells the stop of "z. B.", "Dr." or "3. May" from the end of a
// sentence: a single letter or only digits before it, or a short title.
func abbreviated(before string) bool {
	word := before[strings.LastIndexByte(before, ' ')+1:]
	switch strings.ToLower(word) {
	case "dr", "mr", "mrs", "ms", "st", "no", "nr", "prof", "str", "ca", "bzw", "usw":
		return true
	}
	digits := strings.Trim(word, "0123456789") == ""
	return word != "" && len(word) <= 2 && (digits || utf8.RuneCountInString(word) == 1)
}
