package chaos

import (
	"os"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// callState is a state of a call in which the switch dies.
type callState struct {
	name  string
	enter func(*testing.T, *house)
	leave func(*testing.T, *house) // when the switch is back
}

func hangup(t *testing.T, h *house) {
	t.Helper()
	h.Do("call", "hangup")
	h.Idle()
	h.bob.Try("hangup", "") // the switch has forgotten bob's side of a call that was not answered
}

func callStates() []callState {
	return []callState{
		{"idle", func(*testing.T, *house) {}, func(*testing.T, *house) {}},
		{"ring", func(t *testing.T, h *house) { h.ring(t) }, hangup},
		{"dial", func(t *testing.T, h *house) { h.callOut(t) }, func(t *testing.T, h *house) {
			h.Try("call", "hangup", nil) // refused where the loss of the switch has ended the call
			h.Idle()
			h.bob.Try("hangup", "")
		}},
		{"active", func(t *testing.T, h *house) { h.talk(t) }, func(t *testing.T, h *house) {
			h.hears(t)
			mark := h.bob.Mark()
			hangup(t, h)
			h.bob.WaitEvent(mark, "CALL_CLOSED", patience)
		}},
		{"held", func(t *testing.T, h *house) {
			h.talk(t)
			h.Do("hold", "1")
		}, func(t *testing.T, h *house) {
			h.State("hold", "1")
			h.Do("hold", "0")
			h.hears(t)
			hangup(t, h)
		}},
	}
}

// The switch is killed and comes back without its memory, in every state of a call.
func TestSwitchKilled(t *testing.T) {
	t.Parallel()
	transports := []string{"udp"}
	if chaos.full {
		transports = []string{"udp", "tcp", "tls"}
	}
	for _, transport := range transports {
		for _, state := range callStates() {
			t.Run(transport+" "+state.name, func(t *testing.T) {
				t.Parallel()
				h := atSwitch(t, transport, peers.KamailioConfig{TLS: transport == "tls"}, nil)
				state.enter(t, h)
				h.pbx.Kill()
				h.WaitState(h.Topic("registration"), "0", time.Minute)
				h.pbx.Start()
				within(t, "registered after the switch's return", backLimit, func() bool {
					v, _ := h.Last(h.Topic("registration"))
					return v == "1"
				})
				state.leave(t, h)
				atRest(t, h.Housephone)
				h.works(t)
				atRest(t, h.Housephone)
			})
		}
	}
}

// The switch comes back with a certificate of another authority, which is refused and said, and then with a right one.
func TestCertificateSwapped(t *testing.T) {
	t.Parallel()
	h := atSwitch(t, "tls", peers.KamailioConfig{TLS: true}, nil)
	right, wrong := readFiles(t, h.pbx.TLS), readFiles(t, peers.NewCertificates(t))
	swap := func(files [2][]byte) {
		h.pbx.Kill()
		h.WaitState(h.Topic("registration"), "0", time.Minute)
		writeFiles(t, h.pbx.TLS, files)
		h.pbx.Start()
	}
	swap(wrong)
	h.WaitStateFunc(h.Topic("registration/info"), "the certificate", time.Minute, func(v string) bool { return strings.Contains(v, "certificate") })
	h.State("registration", "0")
	swap(right)
	within(t, "registered with the right certificate", time.Minute, func() bool {
		v, _ := h.Last(h.Topic("registration"))
		return v == "1"
	})
	h.works(t)
	atRest(t, h.Housephone)
}

func readFiles(t *testing.T, c peers.Certificates) [2][]byte {
	t.Helper()
	var files [2][]byte
	for i, name := range []string{c.CertFile, c.KeyFile} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = data
	}
	return files
}

func writeFiles(t *testing.T, c peers.Certificates, files [2][]byte) {
	t.Helper()
	for i, name := range []string{c.CertFile, c.KeyFile} {
		if err := os.WriteFile(name, files[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
