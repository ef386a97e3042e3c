package hw

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// outLine is an output of the kernel's GPIO character device, until the process ends. Periph asks for a line first and sets its level then, so that
// a relay which closes to low is on in between; here the line begins with its level.
type outLine struct{ file *os.File }

// What follows is include/uapi/linux/gpio.h, as far as one output line needs it.
const (
	gpioGetLine       = 0xc250b407 // _IOWR(0xB4, 0x07, struct gpio_v2_line_request)
	gpioSetValues     = 0xc010b40f // _IOWR(0xB4, 0x0F, struct gpio_v2_line_values)
	gpioFlagOutput    = 1 << 3
	gpioAttrOutValues = 2
)

type gpioLineAttribute struct {
	id, _  uint32
	values uint64
	mask   uint64
}

type gpioLineRequest struct {
	offsets    [64]uint32
	consumer   [32]byte
	flags      uint64
	attributes uint32
	_          [5]uint32
	attribute  [10]gpioLineAttribute
	lines      uint32
	_          [6]uint32 // size of the event buffer, and padding
	fd         int32
}

type gpioLineValues struct{ bits, mask uint64 }

// openOut takes the line at an offset of a chip (/dev/gpiochip0) as an output of that level.
func openOut(chip string, offset int, level gpio.Level) (*outLine, error) {
	f, err := os.OpenFile(chip, os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // the line has a file of its own
	request := gpioLineRequest{flags: gpioFlagOutput, attributes: 1, lines: 1}
	request.offsets[0] = uint32(offset)
	request.attribute[0] = gpioLineAttribute{id: gpioAttrOutValues, values: bits(level), mask: 1}
	copy(request.consumer[:len(request.consumer)-1], "housephone")
	if err := ioctl(f, gpioGetLine, unsafe.Pointer(&request)); err != nil {
		return nil, fmt.Errorf("take the line: %w", err)
	}
	return &outLine{os.NewFile(uintptr(request.fd), chip)}, nil
}

func (l *outLine) set(level gpio.Level) error {
	values := gpioLineValues{bits: bits(level), mask: 1}
	return ioctl(l.file, gpioSetValues, unsafe.Pointer(&values))
}

func bits(level gpio.Level) uint64 {
	if level {
		return 1
	}
	return 0
}

func ioctl(f *os.File, request uintptr, data unsafe.Pointer) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(data))
	})
	if errno != 0 {
		err = errors.Join(err, errno)
	}
	return err
}
