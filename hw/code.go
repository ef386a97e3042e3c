package hw

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Code is a code that opens the door. It does not show itself when it is printed or logged.
type Code string

// String hides the code.
func (Code) String() string { return "****" }

// GoString hides the code.
func (Code) GoString() string { return "****" }

// LogValue hides the code.
func (Code) LogValue() slog.Value { return slog.StringValue("****") }

// valid codes can be typed on the keys of a telephone, where # ends a code.
func (c Code) valid() bool { return regexp.MustCompile(`^[0-9A-D*]{4,16}$`).MatchString(string(c)) }

// cost is what an argon2id hash was made with (RFC 9106 3.1).
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
	salt    string
	length  uint32
}

// hash is a stored argon2id hash.
type hash struct {
	cost cost
	sum  []byte
}

// Limits of a hash in a file, so that no file can take the memory of a small computer.
const (
	maxHashMemory = 64 << 10 // KiB
	maxHashPasses = 16
)

// HashCode makes the argon2id hash of code for a codes file, in the PHC string form ($argon2id$v=19$...). Like is a
// hash whose salt and cost are used again, or empty: a file whose hashes share a salt is checked in the time that
// one hash takes. A code has 4 to 16 keys of 0-9, A-D and *.
func HashCode(code Code, like string) (string, error) {
	if !code.valid() {
		return "", errors.New("a code has 4 to 16 keys of 0-9, A-D and *")
	}
	c := cost{memory: 19 << 10, passes: 2, threads: 1, length: 32} // the smallest of OWASP's settings: a Pi has to do it
	if like != "" {
		h, err := parseHash(like)
		if err != nil {
			return "", fmt.Errorf("hash to be like: %w", err)
		}
		c = h.cost
	} else {
		salt := make([]byte, 16)
		if _, err := rand.Read(salt); err != nil {
			return "", fmt.Errorf("make salt: %w", err)
		}
		c.salt = string(salt)
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads,
		b64.EncodeToString([]byte(c.salt)), b64.EncodeToString(c.sum(code))), nil
}

// sum is the hash of code at this cost.
func (c cost) sum(code Code) []byte {
	return argon2.IDKey([]byte(code), []byte(c.salt), c.passes, c.memory, c.threads, c.length)
}

// parseHash reads a hash in the PHC string form.
func parseHash(text string) (hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hash{}, errors.New("not an argon2id hash ($argon2id$v=19$m=...,t=...,p=...$salt$hash)")
	}
	var h hash
	var rest string
	n, err := fmt.Sscanf(parts[3]+" .", "m=%d,t=%d,p=%d %s", &h.cost.memory, &h.cost.passes, &h.cost.threads, &rest)
	if n != 4 || err != nil || rest != "." {
		return hash{}, fmt.Errorf("cost %q does not read m=19456,t=2,p=1", parts[3])
	}
	if h.cost.passes < 1 || h.cost.passes > maxHashPasses || h.cost.threads < 1 ||
		h.cost.memory < 8*uint32(h.cost.threads) || h.cost.memory > maxHashMemory {
		return hash{}, fmt.Errorf("cost %q: at most m=%d,t=%d are possible", parts[3], maxHashMemory, maxHashPasses)
	}
	salt, errSalt := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	sum, errSum := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errSum != nil || len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 64 {
		return hash{}, errors.New("salt or hash is not base64 of 8 to 64 and 16 to 64 bytes")
	}
	h.cost.salt, h.cost.length, h.sum = string(salt), uint32(len(sum)), sum
	return h, nil
}

// matcher compares one code with many hashes and works out each salt and cost only once.
type matcher struct {
	code Code
	sums map[cost][]byte
}

func (m *matcher) matches(h hash) bool {
	sum, ok := m.sums[h.cost]
	if !ok {
		sum = h.cost.sum(m.code)
		m.sums[h.cost] = sum
	}
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}
