package sdp

import (
	"maps"
	"slices"

	"housephone/phone/codec"
	"housephone/phone/sdes"
)

const firstDynamic = 96 // RFC 3551 6

// payloads remembers which payload type has stood for what in the dialog, since a number
// must keep its meaning to the end (RFC 3264 8.3.2).
type payloads struct {
	byType map[uint8]string
	byKey  map[string]uint8
}

func (p payloads) clone() payloads {
	c := payloads{maps.Clone(p.byType), maps.Clone(p.byKey)}
	if c.byType == nil {
		c = payloads{map[uint8]string{}, map[string]uint8{}}
	}
	return c
}

// bind notes a meaning; a far end that breaks the rule is followed.
func (p payloads) bind(f format) {
	if old, ok := p.byType[f.pt]; ok && old != f.key() && p.byKey[old] == f.pt {
		delete(p.byKey, old)
	}
	p.byType[f.pt] = f.key()
	p.byKey[f.key()] = f.pt
}

// assign gives f the payload type it had, else its own, else a free one, and binds it.
// taken holds those of the description that is being made.
func (p payloads) assign(f format, taken []format) (format, bool) {
	used := func(pt uint8) bool {
		return slices.ContainsFunc(taken, func(t format) bool { return t.pt == pt })
	}
	if pt, ok := p.byKey[f.key()]; ok && !used(pt) {
		f.pt = pt
		return f, true
	}
	if name, ok := p.byType[f.pt]; used(f.pt) || ok && name != f.key() {
		pt, ok := p.free(used)
		if !ok {
			return f, false
		}
		f.pt = pt
	}
	p.bind(f)
	return f, true
}

// free gives a dynamic type that was never used; when there is none any more, one that
// the description being made does not use.
func (p payloads) free(used func(uint8) bool) (uint8, bool) {
	for _, again := range []bool{false, true} {
		for pt := uint8(firstDynamic); pt <= maxPayloadType; pt++ {
			if _, ok := p.byType[pt]; !used(pt) && (again || !ok) {
				return pt, true
			}
		}
	}
	return 0, false
}

// description is the audio part of what we say.
type description struct {
	local  Local
	codecs []codec.Codec
	// formats are those of codecs, in the same order; events those of telephone-event
	formats, events []format
	noise           []format // one or none
	crypto          []sdes.Attribute
}

func (d *description) all() []format { return slices.Concat(d.formats, d.noise, d.events) }

// find gives the codec that a format of the far end means, and our payload type for it.
func (d *description) find(f format) (codec.Codec, uint8, bool) {
	for i, own := range d.formats {
		if own.key() == f.key() {
			return d.codecs[i], own.pt, true
		}
	}
	return codec.Codec{}, 0, false
}

// offered makes the description of an offer. The codec in use comes first, so that a hold
// or a refresh does not change it.
func (p payloads) offered(l Local, current codec.Codec) (*description, bool) {
	codecs := slices.Clone(l.Codecs)
	slices.SortStableFunc(codecs, func(a, b codec.Codec) int { return rank(a, current) - rank(b, current) })
	d := &description{local: l}
	for _, c := range codecs {
		f := formatOf(c)
		if _, _, twice := d.find(f); twice {
			continue
		}
		f, ok := p.assign(f, d.all())
		if !ok {
			return nil, false
		}
		d.codecs, d.formats = append(d.codecs, c), append(d.formats, f)
	}
	if l.ComfortNoise && slices.ContainsFunc(d.codecs, func(c codec.Codec) bool { return c.SampleRate == 8000 }) {
		noise, ok := p.assign(format{pt: 13, name: noiseName, clock: 8000}.normal(), d.all())
		if !ok {
			return nil, false
		}
		d.noise = []format{noise}
	}
	if !l.DTMF {
		return d, true
	}
	for _, f := range d.formats { // RFC 4733 2.1: the clock rate of the audio beside it
		event := format{pt: 101, name: eventName, clock: f.clock}.normal()
		if f.clock != 8000 {
			event.pt++ // 101 is what old door stations expect keys of 8000 on
		}
		if slices.ContainsFunc(d.events, func(e format) bool { return e.clock == f.clock }) {
			continue
		}
		event, ok := p.assign(event, d.all())
		if !ok {
			return nil, false
		}
		d.events = append(d.events, event)
	}
	return d, true
}

func rank(c, current codec.Codec) int {
	if c == current {
		return 0
	}
	return 1
}
