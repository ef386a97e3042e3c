package peers

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// JournalVar names a folder that collects every log of the service and every secret that it was given, for CheckJournal.
const JournalVar = "HOUSEPHONE_TEST_JOURNAL"

// leastSecret is how long a secret must be to be told from other words in the logs of other tests.
const leastSecret = 6

// secretsOf are the words of the settings that nobody may see: passwords, those in URLs, and those in files.
func secretsOf(env map[string]string) []string {
	var out []string
	for name, value := range env {
		if strings.HasSuffix(name, "_FILE") && strings.Contains(name, "PASSWORD") {
			data, err := os.ReadFile(value)
			if err != nil {
				continue // what a test gets wrong on purpose
			}
			name, value = strings.TrimSuffix(name, "_FILE"), strings.TrimSpace(string(data))
		}
		switch {
		case strings.HasSuffix(name, "_PASSWORD"):
			out = append(out, value)
		case strings.HasSuffix(name, "_URL"):
			if u, err := url.Parse(value); err == nil && u.User != nil {
				password, _ := u.User.Password()
				out = append(out, password)
			}
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// record adds a log and secrets to the journal, if there is one.
func record(log string, secrets []string) error {
	dir := os.Getenv(JournalVar)
	if dir == "" {
		return nil
	}
	f, err := os.CreateTemp(dir, "*.log")
	if err != nil {
		return err
	}
	_, err = f.WriteString(log)
	if err = errors.Join(err, f.Close()); err != nil || len(secrets) == 0 {
		return err
	}
	f, err = os.CreateTemp(dir, "*.secrets")
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(secrets, "\n"))
	return errors.Join(err, f.Close())
}

// CheckJournal looks for every secret of the journal in every log of it.
func CheckJournal(dir string) error {
	secrets, err := readAll(dir, "*.secrets")
	if err != nil {
		return err
	}
	logs, err := readAll(dir, "*.log")
	if err != nil {
		return err
	}
	words := make(map[string]bool)
	for _, list := range secrets {
		for word := range strings.SplitSeq(list, "\n") {
			words[word] = len(word) >= leastSecret
		}
	}
	var out []error
	for word, long := range words {
		for _, log := range logs {
			if at := strings.Index(log, word); long && at >= 0 {
				out = append(out, fmt.Errorf("a log of the service holds the secret %q: %s", word, log[max(0, at-200):at+len(word)]))
			}
		}
	}
	return errors.Join(out...)
}

func readAll(dir, pattern string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, string(data))
	}
	return out, nil
}
