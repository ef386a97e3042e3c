package display

import (
	"fmt"
	"io"
	"strings"
)

// Sim is a matrix without hardware.
type Sim struct {
	width, height int
	out           io.Writer
	last          string
}

var _ Matrix = (*Sim)(nil)

// NewSim makes a matrix of width by height pixels (the height a multiple of 8). Where out is not nil, it is a terminal
// on which every picture that differs from the one before is drawn over that, in half blocks.
func NewSim(width, height int, out io.Writer) (*Sim, error) {
	if width < 8 || width > 512 || height < 8 || height > 128 || height%8 != 0 {
		return nil, fmt.Errorf("%d by %d pixels: 8x8 to 512x128 are possible, the height in steps of 8", width, height)
	}
	return &Sim{width: width, height: height, out: out}, nil
}

func (s *Sim) String() string { return fmt.Sprintf("simulated matrix %dx%d", s.width, s.height) }

// Size is what NewSim was given.
func (s *Sim) Size() (width, height int) { return s.width, s.height }

// Write keeps the picture.
func (s *Sim) Write(pixels []byte) error {
	if s.out == nil || string(pixels) == s.last {
		return nil
	}
	over := ""
	if s.last != "" {
		over = fmt.Sprintf("\x1b[%dA", s.height/2+2) // ECMA-48 8.3.22 CUU: back to the first line
	}
	s.last = string(pixels)
	if _, err := io.WriteString(s.out, over+halfBlocks(pixels, s.width, s.height)); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return nil
}

// SetBrightness changes nothing that could be seen.
func (s *Sim) SetBrightness(int) error { return nil }

// Halt does nothing.
func (s *Sim) Halt() error { return nil }

func halfBlocks(pixels []byte, width, height int) string {
	var b strings.Builder
	frame := "+" + strings.Repeat("-", width) + "+\n"
	b.WriteString(frame)
	for y := 0; y < height; y += 2 {
		b.WriteByte('|')
		for x := range width {
			b.WriteString([...]string{" ", "▀", "▄", "█"}[pixels[y/8*width+x]>>(y%8)&3])
		}
		b.WriteString("|\n")
	}
	b.WriteString(frame)
	return b.String()
}
