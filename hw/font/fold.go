package font

import (
	"strings"
	"unicode"
)

// Fold writes text with the characters that has knows. Others lose their accent, are spelt in Latin letters, or
// become a question mark; controls become blanks, marks that combine with the letter before them vanish.
func Fold(text string, has func(rune) bool) string {
	var b strings.Builder
	for _, r := range text {
		foldRune(&b, r, has)
	}
	return b.String()
}

func foldRune(b *strings.Builder, r rune, has func(rune) bool) {
	spelt := spellings()
	switch parts, split := decompositions()[r]; {
	case has(r):
		b.WriteRune(r)
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
	case unicode.IsSpace(r) || unicode.IsControl(r):
		b.WriteRune(' ')
	case split && has(parts.base):
		b.WriteRune(parts.base)
	case spelt[r] != "":
		writeKnown(b, spelt[r], has)
	case spelt[unicode.ToLower(r)] != "":
		low := []rune(spelt[unicode.ToLower(r)])
		writeKnown(b, string(unicode.ToUpper(low[0]))+string(low[1:]), has)
	default:
		writeKnown(b, "?", has)
	}
}

// writeKnown writes what has knows of a replacement that is itself plain ASCII.
func writeKnown(b *strings.Builder, s string, has func(rune) bool) {
	for _, r := range s {
		if has(r) {
			b.WriteRune(r)
		}
	}
}

type letterAndMark struct{ base, mark rune }
