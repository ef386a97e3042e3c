package hw

import "time"

// entryPause ends a code that was typed without #.
const entryPause = 3 * time.Second

// Keypad puts the keys that one caller presses together to codes. A code ends with #, or after a pause of three seconds.
// Fewer than four keys are no code, more than sixteen neither. It is a pure machine; its zero value is ready.
type Keypad struct {
	keys []byte
	last time.Time
	long bool
}

// Key takes a key (0-9, A-D, * or #) and answers a code when it ends one. Other keys are ignored.
func (k *Keypad) Key(key byte, now time.Time) (Code, bool) {
	switch {
	case key == '#':
		return k.end()
	case !Code([]byte{key, key, key, key}).valid():
		return "", false
	}
	k.last = now
	if k.long = k.long || len(k.keys) == 16; !k.long {
		k.keys = append(k.keys, key)
	}
	return "", false
}

// Due is when Pause is to be called, if keys have been pressed.
func (k *Keypad) Due() (time.Time, bool) { return k.last.Add(entryPause), len(k.keys) > 0 }

// Pause answers the code that the pause until now has ended.
func (k *Keypad) Pause(now time.Time) (Code, bool) {
	if due, some := k.Due(); !some || now.Before(due) {
		return "", false
	}
	return k.end()
}

func (k *Keypad) end() (Code, bool) {
	code := Code(k.keys)
	ok := code.valid() && !k.long
	*k = Keypad{}
	if !ok {
		return "", false
	}
	return code, true
}
