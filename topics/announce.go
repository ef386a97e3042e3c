package topics

import (
	"slices"
	"strings"
	"unicode"
)

// Announcement is what call asks for with "say" or "play": those who are called hear a text or a sound, and where Ack is
// set, they are called until somebody has pressed one of its keys. What is 0 was not given.
type Announcement struct {
	Say      string  // text to speak, at most 4096 bytes
	Play     string  // file below the media folder, heard before the text
	Voice    string  // that speaks the text
	Ack      string  // keys, any of which acknowledges; empty = hearing it is enough
	Attempts int     // 1..10
	Ring     float64 // seconds, 1..300
	Pause    float64 // seconds, 1..300
	Wait     float64 // seconds, 1..300
	Repeat   int     // 1..100
	Together bool
}

const maxSay = 4 << 10 // bytes

// Announcement reads the options of call; [Decode] has checked them. It is false when nothing is to be said or played.
func (c Command) Announcement() (Announcement, bool) {
	var a Announcement
	a.Say, _ = c.Option("say")
	a.Play, _ = c.Option("play")
	a.Voice, _ = c.Option("voice")
	a.Ack, _ = c.Option("ack")
	a.Ack = strings.ToUpper(a.Ack)
	a.Attempts, _ = c.OptionInt("attempts")
	a.Repeat, _ = c.OptionInt("repeat")
	a.Ring, _ = c.OptionSeconds("ring")
	a.Pause, _ = c.OptionSeconds("pause")
	a.Wait, _ = c.OptionSeconds("wait")
	a.Together, _ = c.OptionBool("together")
	return a, a.Say != "" || a.Play != ""
}

// needSound are the options of call that mean nothing without a sound.
func needSound() []string {
	return []string{"ack", "attempts", "pause", "repeat", "together", "voice", "wait"}
}

// checkCall refuses options of call that are of the wrong kind, or that belong together and are not.
func (c Command) checkCall() error {
	for _, name := range []string{"ring", "pause", "wait"} {
		if s, ok := c.OptionSeconds(name); c.has(name) && (!ok || !(s >= 1 && s <= 300)) {
			return invalid("%s must be a number of seconds from 1 to 300", name)
		}
	}
	for _, option := range []struct {
		name string
		most int
	}{{"attempts", 10}, {"repeat", 100}} {
		if n, ok := c.OptionInt(option.name); c.has(option.name) && (!ok || n < 1 || n > option.most) {
			return invalid("%s must be a whole number from 1 to %d", option.name, option.most)
		}
	}
	if keys, ok := c.Option("ack"); c.has("ack") && (!ok || len(keys) > len(allKeys) || !onlyOf(strings.ToUpper(keys), allKeys)) {
		return invalid("ack must be a text of the keys 0-9, *, # and A-D, any of which acknowledges")
	}
	if _, ok := c.OptionBool("together"); c.has("together") && !ok {
		return invalid("together must be 0 or 1")
	}
	return c.checkSound()
}

// checkSound looks at what is to be heard.
func (c Command) checkSound() error {
	for _, name := range []string{"say", "play", "voice"} {
		if text, ok := c.Option(name); c.has(name) && (!ok || strings.TrimSpace(text) == "") {
			return invalid("%s must be a text", name)
		}
	}
	a, sound := c.Announcement()
	if !sound {
		if i := slices.IndexFunc(needSound(), c.has); i >= 0 {
			return invalid("%s needs say (a text) or play (a file) beside it", needSound()[i])
		}
		return nil
	}
	if c.Value == "answer" || c.Value == "hangup" {
		return invalid("say and play need an address to call, not %s", c.Value)
	}
	if c.Call > 0 {
		return invalid("say and play belong to call/set, not to %s/set", c.Path())
	}
	if len(a.Say) > maxSay {
		return invalid("say has %d bytes, at most %d are allowed", len(a.Say), maxSay)
	}
	if a.Say != "" && !strings.ContainsFunc(a.Say, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		return invalid("say has nothing that can be spoken")
	}
	if a.Play != "" {
		if _, err := file(a.Play); err != nil {
			return invalid("play needs the name of a file below MEDIA_DIR, without .. and without a leading slash, not %s", quote(a.Play))
		}
	}
	return nil
}
