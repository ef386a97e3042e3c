package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
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

func TestGeneratedDocs(t *testing.T) {
	for name, want := range map[string]string{
		"topics.md":      topics.Markdown(),
		"environment.md": environmentPage(),
	} {
		path := filepath.Join("..", "..", "docs", name)
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
			t.Errorf("docs/%s is stale: run make docs", name)
		}
	}
}
