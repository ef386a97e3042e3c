package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"housephone/topics"
)

var update = flag.Bool("update", false, "write the generated files")

const environmentHead = `# Environment

Everything is set by environment variables; none is needed. ` + "`housephone -h`" + ` prints this table,
` + "`housephone -check`" + ` looks at the values and exits with status 78 when one makes no sense, with one line
that names the variable, the value and what is allowed. A variable that is set but empty counts as not set.
Passwords have a twin that ends in ` + "`_FILE`" + ` and names a file to read them from. Times are seconds or Go durations (` + "`500ms`, `5m`" + `).

| variable | default | meaning |
|---|---|---|
`

// environmentPage is docs/environment.md.
func environmentPage() string {
	var b strings.Builder
	b.WriteString(environmentHead)
	eachVariable(func(v variable) {
		value := v.value
		if value != "-" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.name, value, strings.ReplaceAll(v.doc, "|", `\|`))
	})
	return b.String()
}

const settingsHead = `# Settings of housephone, NAME=value; none is needed. A # at the beginning of a line switches it off: what
# stands there is the default. After a change: systemctl restart housephone
`

// packagedSettings is packaging/housephone.env, in which every variable is commented out.
func packagedSettings() string {
	var b strings.Builder
	b.WriteString(settingsHead)
	eachVariable(func(v variable) {
		fmt.Fprintf(&b, "\n# %s\n#%s=%s\n", v.doc, v.name, strings.TrimPrefix(v.value, "-"))
	})
	return b.String()
}

// The settings of the packages are those of the program: with every default written down it starts as with none.
func TestPackagedSettings(t *testing.T) {
	environ := map[string]string{}
	for line := range strings.Lines(packagedSettings()) {
		name, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "#")), "=")
		if ok && !strings.Contains(name, " ") {
			environ[name] = value
		}
	}
	if len(environ) < 50 || environ["HW_DOOR_PULSE"] != "3s" {
		t.Fatalf("only %v", environ)
	}
	got, err := load(environ)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := load(nil); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v, %v", got, want, err)
	}
}

func TestGeneratedDocs(t *testing.T) {
	for name, want := range map[string]string{
		"docs/topics.md":           topics.Markdown(),
		"docs/environment.md":      environmentPage(),
		"packaging/housephone.env": packagedSettings(),
	} {
		path := filepath.Join("..", "..", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is stale: run make docs", name)
		}
	}
}
