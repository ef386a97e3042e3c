package prompt

import "errors"

var (
	// ErrName means a file name that is empty, absolute or leads out of the folder.
	ErrName = errors.New("not a file name below the media folder")
	// ErrNotFound means that there is no such file.
	ErrNotFound = errors.New("no such sound file")
	// ErrFormat means a file that holds no sound in a known format.
	ErrFormat = errors.New("no sound in a known format")
	// ErrTooLong means a file above the size limit.
	ErrTooLong = errors.New("sound file too long")
	// ErrNoDecoder means a format for which no decoder is configured.
	ErrNoDecoder = errors.New("format not supported by this build")
)
