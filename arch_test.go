package housephone

import (
	"encoding/json"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// rule says what a folder may import beside the standard library, and why not more.
type rule struct {
	folder  string   // path below the module; folders below it have their own rule or share this one
	may     []string // import paths or module folders, with everything below them
	because string
}

// rules is the direction of imports. The first rule that fits counts.
func rules() []rule {
	return []rule{
		{"topics", nil, "the vocabulary is pure: no network, no clock, no goroutine, no log"},
		{"bridge/broker", []string{"github.com/mochi-mqtt/server/v2"}, "the embedded broker knows no vocabulary"},
		{"bridge", []string{"housephone/topics", "github.com/eclipse/paho.mqtt.golang"}, "the MQTT session knows neither phone nor hardware"},
		{"phone/codec/opus", []string{"github.com/thesyncim/gopus"}, "a codec is pure"},
		{"phone/codec", []string{"housephone/phone/codec"}, "a codec is pure"},
		{"phone/jitter", nil, "the jitter buffer is pure"},
		{"phone/audio/device", []string{
			"housephone/phone/audio", "github.com/gen2brain/malgo", "github.com/jfreymuth/pulse", "golang.org/x/sys",
		}, "sound cards know neither RTP nor SIP"},
		{"phone/audio", []string{"housephone/phone/audio", "housephone/phone/codec/g711"}, "PCM knows neither RTP nor SIP"},
		{"phone/ivr", []string{
			"housephone/phone/ivr", "housephone/phone/audio", "housephone/phone/codec", "gopkg.in/yaml.v3", "golang.org/x/sys",
		}, "prompts, speech and menus know neither SIP nor RTP nor MQTT"},
		{"phone/media", []string{
			"housephone/phone/media", "housephone/phone/audio", "housephone/phone/codec", "housephone/phone/jitter", "housephone/phone/sdes", "housephone/phone/stun",
			"github.com/pion/rtp", "github.com/pion/rtcp", "github.com/pion/srtp/v3", "golang.org/x/sys", "golang.org/x/net",
		}, "media knows no SIP"},
		{"phone/sdes", nil, "keys are pure"},
		{"phone/stun", []string{"github.com/pion/stun/v3"}, "questions to STUN servers know no sockets"},
		{"phone/sdp", []string{"housephone/phone/codec", "housephone/phone/sdes", "github.com/pion/sdp/v3"}, "offer and answer are pure"},
		{"phone/digest", []string{"github.com/emiago/sipgo/sip", "github.com/icholy/digest"}, "digest knows no sockets"},
		{"phone/account", nil, "the registration machine is pure"},
		{"phone/pin", nil, "trust in a key needs no sockets"},
		{"phone/resolve", nil, "name resolution knows no SIP messages"},
		{"phone/transport", []string{"github.com/emiago/sipgo/sip", "golang.org/x/sync", "golang.org/x/sys"}, "sockets know no transactions"},
		{"phone/transaction", []string{"github.com/emiago/sipgo/sip", "housephone/phone/transport"}, "transactions know no dialogs"},
		{"phone/phonetest", []string{"housephone/phone/phonetest"}, "a fault of the stack under test must not hide in its peer"},
		{"phone", []string{
			"housephone/phone", "github.com/emiago/sipgo/sip", "github.com/pion", "golang.org/x/sync",
		}, "the phone knows nothing of MQTT and hardware"},
		{"pair/lease", []string{"housephone/pair", "k8s.io/api/coordination/v1", "k8s.io/apimachinery", "k8s.io/client-go/rest"},
			"one API group by the plain REST client: the clientset would bring the types of all of them"},
		{"pair", []string{"housephone/pair", "golang.org/x/sys"}, "the election knows neither MQTT nor SIP: it is told what happens"},
		{"hw/exec", []string{"golang.org/x/crypto/ssh", "golang.org/x/sys"}, "commands know neither pins nor topics"},
		{"hw/pbx", nil, "what is heard from a switch needs no library"},
		{"hw", []string{"housephone/hw", "periph.io/x", "golang.org/x/crypto", "golang.org/x/image", "golang.org/x/sys"}, "hardware knows neither MQTT nor SIP"},
	}
}

// TestImports holds every package to its rule. Test files may import more.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		folder := strings.TrimPrefix(p.ImportPath, "housephone/")
		for _, r := range rules() {
			if folder != r.folder && !strings.HasPrefix(folder, r.folder+"/") {
				continue
			}
			for _, imported := range p.Imports {
				if !standard(imported) && !slices.ContainsFunc(r.may, func(m string) bool {
					return imported == m || strings.HasPrefix(imported, m+"/")
				}) {
					t.Errorf("%s imports %s: %s", folder, imported, r.because)
				}
			}
			break
		}
	}
}

// TestEveryPackageHasARule keeps new folders from slipping past the table.
func TestEveryPackageHasARule(t *testing.T) {
	free := []string{"cmd", "e2e"} // wiring and tests see everything
	for _, p := range packages(t) {
		folder := strings.TrimPrefix(p.ImportPath, "housephone/")
		if folder == "housephone" || slices.Contains(free, strings.Split(folder, "/")[0]) {
			continue
		}
		if !slices.ContainsFunc(rules(), func(r rule) bool { return folder == r.folder || strings.HasPrefix(folder, r.folder+"/") }) {
			t.Errorf("%s has no rule in arch_test.go", folder)
		}
	}
}

// TestOnlyWiringSeesMoreThanOnePart: topics, bridge, phone and hw meet in cmd only.
func TestOnlyWiringSeesMoreThanOnePart(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, "housephone/cmd/") && slices.ContainsFunc(p.Imports, func(i string) bool {
			return strings.HasPrefix(i, "housephone/cmd")
		}) {
			t.Errorf("%s imports the command: nobody calls backwards", p.ImportPath)
		}
	}
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages found", len(all))
	}
	return all
}

// standard tells packages of Go itself: their first element has no dot.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".") && first != "housephone" && path.Clean(p) == p
}
