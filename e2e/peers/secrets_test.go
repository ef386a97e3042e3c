package peers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestJournalFindsSecrets(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(JournalVar, dir)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from-a-file-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets := secretsOf(map[string]string{
		"SIP_PASSWORD": "sip-secret-1", "MQTT_PASSWORD_FILE": file, "AMI_URL": "ami://house:ami-secret-1@127.0.0.1", "SIP_USER": "house-user",
		"MQTT_PASSWORD": "", "EXEC_SSH_PASSWORD_FILE": "/does/not/exist", "MQTT_URL": "mqtt://127.0.0.1",
	})
	slices.Sort(secrets)
	if want := []string{"ami-secret-1", "from-a-file-1", "sip-secret-1"}; !slices.Equal(secrets, want) {
		t.Fatalf("secrets %q, want %q", secrets, want)
	}
	for _, log := range []string{"a log without any", "another of house-user"} {
		if err := record(log, secrets); err != nil {
			t.Fatal(err)
		}
	}
	if err := CheckJournal(dir); err != nil {
		t.Errorf("clean logs: %v", err)
	}
	// the log of one test, the secret of another
	if err := record("password=ami-secret-1 was wrong", nil); err != nil {
		t.Fatal(err)
	}
	if err := CheckJournal(dir); err == nil || !strings.Contains(err.Error(), "ami-secret-1") {
		t.Errorf("a secret in a log: %v", err)
	}
}
