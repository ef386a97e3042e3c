package main

import (
	"fmt"
	"io"
	"reflect"
	"text/tabwriter"
)

const usageHead = `housephone is the telephone of the house as an MQTT device.

usage: housephone [-h] [-check] [-version] [topics]

  -h        this help
  -check    check the configuration and exit
  -version  print the version and exit
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
