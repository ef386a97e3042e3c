package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// readSecrets fills every variable that is marked as a secret from the file that its _FILE twin names.
func (c *config) readSecrets(environ map[string]string) error {
	var out []error
	eachSecret(reflect.ValueOf(c).Elem(), func(name string, field reflect.Value) {
		text, err := secretFile(name, field.String(), environ[name+"_FILE"])
		if err != nil {
			out = append(out, err)
			return
		}
		field.SetString(text)
	})
	return errors.Join(out...)
}

// eachSecret visits the fields of v, and of the structs in it, that are marked as secrets.
func eachSecret(v reflect.Value, f func(name string, field reflect.Value)) {
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag
		switch {
		case tag.Get("secret") == "true":
			f(tag.Get("env"), field)
		case tag.Get("env") == "" && field.Kind() == reflect.Struct:
			eachSecret(field, f)
		}
	}
}

// secretFile is the value of a secret: as it stands, or read from the file of its twin.
func secretFile(name, value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	if value != "" {
		return value, fmt.Errorf("%s_FILE=%q: %s is set too, want one of them", name, file, name)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return value, fmt.Errorf("%s_FILE=%q: %w", name, file, err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
