package codec

import (
	"strconv"
	"strings"

	"housephone/phone/codec/opus"
)

// opusConfig is an encoder as the far end likes it.
func opusConfig(rate int, fmtp string) opus.Config {
	const least, usual = 6000, 32000 // bit/s
	cfg := opus.Config{Rate: rate, FEC: parameter(fmtp, "useinbandfec") == 1}
	if most := parameter(fmtp, "maxaveragebitrate"); most > 0 && most < usual {
		cfg.Bitrate = max(most, least)
	}
	return cfg
}

// parameter is the number behind a name in "a=1; b=2", or 0.
func parameter(fmtp, name string) int {
	for part := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
