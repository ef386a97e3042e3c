package audio

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	wavHeaderSize = 44
	// wavFlushEvery is how long samples wait in memory: the file on disk is
	// never older than this.
	wavFlushEvery = 200 * time.Millisecond
	// wavQueueSeconds of sound are held while the disk is slow.
	wavQueueSeconds = 4
)

// WAVFile is a sink that writes a mono 16 bit WAV file which may be read at
// any time while it grows: sound is written first, then the header that
// announces it. All file access is outside the caller's thread; when the disk
// falls behind by more than four seconds, frames are dropped and counted.
type WAVFile struct {
	file    *os.File
	rate    int
	dropped atomic.Uint64
	kick    chan struct{}
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once

	mu     sync.Mutex // guards following
	queue  []int16
	closed bool

	// Owned by the writing goroutine until done is closed.
	spare []int16
	bytes []byte
	size  int64
	err   error
}

var _ SinkCloser = (*WAVFile)(nil)

// CreateWAV creates or empties the file at path and writes an empty WAV file
// of rate Hz into it. The returned sink must be closed.
func CreateWAV(path string, rate int) (*WAVFile, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("sound file: %w", err)
	}
	w := &WAVFile{
		file:  f,
		rate:  rate,
		kick:  make(chan struct{}, 1),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
		queue: make([]int16, 0, rate*wavQueueSeconds),
		spare: make([]int16, 0, rate*wavQueueSeconds),
	}
	if err := w.writeHeader(); err != nil {
		f.Close() //nolint:errcheck // the first error says more
		return nil, fmt.Errorf("sound file %s: %w", path, err)
	}
	go w.run()
	return w, nil
}

// Write queues the frame.
func (w *WAVFile) Write(frame []int16) {
	w.mu.Lock()
	fits := !w.closed && len(w.queue)+len(frame) <= cap(w.queue)
	if fits {
		w.queue = append(w.queue, frame...)
	}
	w.mu.Unlock()
	if !fits {
		w.dropped.Add(1)
		return
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Dropped is the number of frames that did not reach the file.
func (w *WAVFile) Dropped() uint64 { return w.dropped.Load() }

// Close writes what is queued, closes the file and returns the first error
// since the file was made.
func (w *WAVFile) Close() error {
	w.once.Do(func() {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		close(w.stop)
	})
	<-w.done
	return w.err
}

func (w *WAVFile) run() {
	defer close(w.done)
	for stopping := false; !stopping; {
		select {
		case <-w.stop:
			stopping = true
		case <-w.kick:
			select {
			case <-w.stop:
				stopping = true
			case <-time.After(wavFlushEvery):
			}
		}
		w.flush()
	}
	if err := w.file.Close(); err != nil && w.err == nil {
		w.err = fmt.Errorf("sound file: %w", err)
	}
}

// flush moves the queue to the file. After an error the rest is dropped: the
// file stays as it was last announced by its header.
func (w *WAVFile) flush() {
	w.mu.Lock()
	w.queue, w.spare = w.spare[:0], w.queue
	w.mu.Unlock()
	if len(w.spare) == 0 {
		return
	}
	if w.err == nil && w.size+int64(2*len(w.spare)) > math.MaxUint32-wavHeaderSize {
		w.err = fmt.Errorf("sound file: %w", ErrTooLong)
	}
	if w.err == nil {
		w.err = w.append(w.spare)
	}
	if w.err != nil {
		w.dropped.Add(1)
	}
}

func (w *WAVFile) append(pcm []int16) error {
	w.bytes = w.bytes[:0]
	for _, s := range pcm {
		w.bytes = binary.LittleEndian.AppendUint16(w.bytes, uint16(s))
	}
	if _, err := w.file.WriteAt(w.bytes, wavHeaderSize+w.size); err != nil {
		return fmt.Errorf("sound file: %w", err)
	}
	w.size += int64(len(w.bytes))
	return w.writeHeader()
}

func (w *WAVFile) writeHeader() error {
	if _, err := w.file.WriteAt(wavHeader(w.rate, w.size), 0); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return nil
}

// wavHeader is the header of a mono 16 bit PCM file with size bytes of sound.
func wavHeader(rate int, size int64) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, wavHeaderSize)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(size+wavHeaderSize-8))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16) // length of the fmt chunk
	b = le.AppendUint16(b, wavPCM)
	b = le.AppendUint16(b, 1) // channels
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate)) // bytes a second
	b = le.AppendUint16(b, 2)              // bytes a sample of all channels
	b = le.AppendUint16(b, 16)             // bits a sample
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(size))
}
