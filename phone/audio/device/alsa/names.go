package alsa

import "strings"

// Syntax tells whether a name has the form of an ALSA card, such as hw:1,0 or
// plughw:CARD=Device, which says nothing of whether the card is there.
func Syntax(name string) bool {
	kind, _, _ := strings.Cut(name, ":")
	switch kind {
	case "hw", "plughw", "sysdefault", "dmix", "dsnoop", "front":
		return true
	}
	return false
}

// worth tells whether a name that libasound lists is one that people choose:
// what the configuration defines and every card once with and once without
// mixing, but not each card as front, rear, iec958 and so on, and no bare
// converters.
func worth(name string) bool {
	kind, _, card := strings.Cut(name, ":")
	switch kind {
	case "plughw", "sysdefault":
		return true
	case "lavrate", "samplerate", "speexrate", "speex", "upmix", "vdownmix", "jack", "oss", "usbstream":
		return false
	}
	return !card && name != ""
}
