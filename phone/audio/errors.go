package audio

import "errors"

var (
	// ErrNoDevice means that no driver of this build knows the device.
	ErrNoDevice = errors.New("sound devices are not built in")
	// ErrSpec means that a device specification cannot be read.
	ErrSpec = errors.New("want none, tone:HZ, file:PATH, default or a device name")
	// ErrNoCapture means that the device gives no sound.
	ErrNoCapture = errors.New("device has no capture")
	// ErrNoPlayback means that the device takes no sound.
	ErrNoPlayback = errors.New("device has no playback")
	// ErrRate means a sample rate outside 4000 to 192000 Hz.
	ErrRate = errors.New("sample rate out of range")
	// ErrNotWAV means that the data is not a RIFF WAVE file.
	ErrNotWAV = errors.New("not a WAV file")
	// ErrWAVFormat means a WAV file in an encoding other than 8, 16 or 24 bit
	// PCM, A-law and u-law, or with more than two channels.
	ErrWAVFormat = errors.New("WAV encoding not supported")
	// ErrTooLong means a sound file above the size limit.
	ErrTooLong = errors.New("sound file too long")
)
