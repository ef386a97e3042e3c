package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

func TestExec(t *testing.T) {
	t.Parallel()
	allow := filepath.Join(t.TempDir(), "allow")
	if err := os.WriteFile(allow, []byte("greet = echo hello {1:text}\nfail = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, peers.NewPorts(t), env{"EXEC_ALLOW": allow, "SIP_LISTEN": "none", "HW_DISPLAY": "sim"})
	mark := h.Mark()
	h.Do("exec", `greet "dear; rm -rf /"`)
	got := h.Event(mark, "exec", nil)
	if !strings.Contains(got, `"stdout":"hello dear; rm -rf /\n"`) || !strings.Contains(got, `"exit":0`) {
		t.Errorf("exec: %s", got)
	}
	h.Refused("exec", "fail", "failed")
	h.Refused("exec", "ls /", "refused", "invalid")
	h.Refused("exec", "greet", "invalid")
	h.Refused("exec", "greet a\nb", "invalid")
}

func TestExecIsOff(t *testing.T) {
	t.Parallel()
	h := start(t, peers.NewPorts(t), nil)
	h.Refused("exec", "true", "refused")
}
