package peers

import (
	"embed"
	"os"
	"path/filepath"
	"testing"
	"text/template"
)

//go:embed files
var files embed.FS

// render writes a template of the files folder to dir under its own name and returns the path.
func render(t testing.TB, dir, name string, data any) string {
	t.Helper()
	text, err := files.ReadFile("files/" + name)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.New(name).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.Base(name))
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := tmpl.Execute(file, data); err != nil {
		t.Fatal(err)
	}
	return path
}
