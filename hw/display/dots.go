package display

import (
	"image"
	"image/color"

	"periph.io/x/devices/v3/ssd1306/image1bit"
)

// dots enlarges a picture: every pixel becomes a square with a dark line around it.
func dots(picture *image1bit.VerticalLSB) *image.Paletted {
	size := 6
	if picture.Rect.Dx() > 64 {
		size = 4
	}
	palette := color.Palette{
		color.RGBA{R: 0x10, G: 0x10, B: 0x10, A: 0xff},
		color.RGBA{R: 0x30, G: 0x14, B: 0x14, A: 0xff},
		color.RGBA{R: 0xff, G: 0x30, B: 0x20, A: 0xff},
	}
	out := image.NewPaletted(image.Rect(0, 0, picture.Rect.Dx()*size+1, picture.Rect.Dy()*size+1), palette)
	for y := range picture.Rect.Dy() {
		for x := range picture.Rect.Dx() {
			index := uint8(1)
			if picture.BitAt(x, y) {
				index = 2
			}
			for dy := 1; dy < size; dy++ {
				row := out.Pix[out.PixOffset(x*size+1, y*size+dy):]
				for dx := range size - 1 {
					row[dx] = index
				}
			}
		}
	}
	return out
}
