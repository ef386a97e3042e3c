package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"housephone/hw"
	"housephone/phone/audio/device"
)

const usageHead = `housephone is the telephone of the house as an MQTT device.

usage: housephone [-h] [-check] [-version] [-devices] [-hash-code] [-health] [topics]

  -h        this help
  -check    check the configuration and exit
  -version  print the version and exit
  -devices  list the sound devices and exit
  -hash-code
            read a door code from standard input and print its hash for HW_DOOR_CODES_FILE
  -health   ask the running service whether it lives, at HTTP_LISTEN, and exit
  topics    list the MQTT topics and exit

Everything is set by environment variables, and none is needed:

`

// usage prints the help with the table of variables.
func usage(out io.Writer) {
	_, _ = io.WriteString(out, usageHead)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	eachVariable(func(v variable) { _, _ = fmt.Fprintf(w, "  %s\t%s\t%s\n", v.name, v.value, v.doc) })
	_ = w.Flush()
}

type variable struct{ name, value, doc string }

// eachVariable visits the variables in the order of the config struct.
func eachVariable(f func(variable)) {
	walk(reflect.TypeFor[config](), func(field reflect.StructField) {
		value := field.Tag.Get("envDefault")
		if value == "" {
			value = "-"
		}
		f(variable{field.Tag.Get("env"), value, field.Tag.Get("doc")})
	})
}

// hashCode reads a code, so that it stands in no process list or shell history.
func hashCode(in io.Reader, out, errs io.Writer) int {
	line, err := bufio.NewReader(io.LimitReader(in, 64)).ReadString('\n')
	if err != nil && line == "" {
		_, _ = fmt.Fprintln(errs, "housephone: no code on standard input")
		return exitUsage
	}
	hash, err := hw.HashCode(hw.Code(strings.TrimSpace(line)), "")
	if err != nil {
		_, _ = fmt.Fprintln(errs, "housephone:", err)
		return exitUsage
	}
	_, _ = fmt.Fprintln(out, hash)
	return exitOK
}

// listDevices prints what AUDIO_CAPTURE and AUDIO_PLAYBACK may name.
func listDevices(out, errs io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	found, err := device.List(ctx)
	if err != nil {
		_, _ = fmt.Fprintln(errs, "housephone:", err)
		return exitFailed
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, d := range found {
		use := ""
		for _, k := range []struct {
			on   bool
			word string
		}{{d.Capture, "capture "}, {d.Playback, "playback "}, {d.Default, "default"}} {
			if k.on {
				use += k.word
			}
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, strings.TrimSpace(use), d.Description)
	}
	_ = w.Flush()
	if len(found) == 0 {
		_, _ = fmt.Fprintln(out, "no sound devices")
	}
	return exitOK
}
