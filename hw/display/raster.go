package display

import (
	"fmt"
	"image"

	"periph.io/x/devices/v3/ssd1306/image1bit"

	"housephone/hw/font"
)

// Matrix is a device made of pixels that are on or off.
type Matrix interface {
	String() string
	// Size is the width and the height in pixels; the height is a multiple of 8.
	Size() (width, height int)
	// Write shows a whole picture: bands of eight rows from the top, a byte a column, bit 0 the upper pixel.
	Write(pixels []byte) error
	SetBrightness(level int) error
	Halt() error
}

// Raster is a Display that draws text on a Matrix.
type Raster struct {
	matrix  Matrix
	face    *font.Face
	scale   int
	tempo   Tempo
	picture *image1bit.VerticalLSB
}

var _ Display = (*Raster)(nil)

// NewRaster draws text in face on matrix, every pixel of the face scale pixels wide and high.
func NewRaster(matrix Matrix, face *font.Face, scale int, tempo Tempo) (*Raster, error) {
	width, height := matrix.Size()
	if scale < 1 || width/scale < 8 || height/scale < 8 {
		return nil, fmt.Errorf("scale %d does not fit %d by %d pixels", scale, width, height)
	}
	return &Raster{
		matrix: matrix, face: face, scale: scale, tempo: tempo,
		picture: image1bit.NewVerticalLSB(image.Rect(0, 0, width, height)),
	}, nil
}

func (r *Raster) String() string { return r.matrix.String() }

// Geometry counts in columns of the typeface.
func (r *Raster) Geometry() Geometry {
	width, height := r.matrix.Size()
	return Geometry{Rows: height / (8 * r.scale), Width: width / r.scale, Tempo: r.tempo}
}

// Measure counts in columns of the typeface.
func (r *Raster) Measure(text string) int { return r.face.Width(text) }

// Show draws the rows centred, or shifted where they are too long.
func (r *Raster) Show(v View) error {
	clear(r.picture.Pix)
	geometry := r.Geometry()
	top := (geometry.Rows - len(v.Rows)) / 2 * 8 * r.scale
	for i, text := range v.Rows {
		if i == geometry.Rows {
			break
		}
		columns := window(v, r.face.Columns(text), geometry.Width, gap, 0, true)
		r.draw(columns, max(0, top)+i*8*r.scale)
	}
	return r.matrix.Write(r.picture.Pix)
}

// draw puts columns at y, enlarged.
func (r *Raster) draw(columns []byte, y int) {
	if r.scale == 1 && y%8 == 0 {
		copy(r.picture.Pix[y/8*r.picture.Stride:], columns)
		return
	}
	for x, column := range columns {
		for row := range 8 {
			if column&(1<<row) == 0 {
				continue
			}
			for dx := range r.scale {
				for dy := range r.scale {
					r.picture.SetBit(x*r.scale+dx, y+row*r.scale+dy, image1bit.On)
				}
			}
		}
	}
}

// SetBrightness sets the level of the matrix.
func (r *Raster) SetBrightness(level int) error { return r.matrix.SetBrightness(level) }

// Image shows every pixel as a dot.
func (r *Raster) Image() image.Image { return dots(r.picture) }

// Halt leaves the matrix dark.
func (r *Raster) Halt() error { return r.matrix.Halt() }
