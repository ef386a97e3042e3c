//go:build ship

package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateShip = flag.Bool("update-ship", false, "write the recorded manifests")

// A program built by go install believes in the oldest Kubernetes there is.
const kubernetes = "1.30.0"

// helm runs a helm command on the chart. The error is what helm itself says.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "HELM"), args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "KUBECONFIG=/dev/null")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// tool is the program that make chart names in the environment.
func tool(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s does not name a program: run make chart", variable)
	}
	return path
}

func valuesFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/ship/*.values.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("values files: %v, %v", files, err)
	}
	return files
}

// TestShipChart renders each values file and compares all of it with the record.
func TestShipChart(t *testing.T) {
	for _, values := range valuesFiles(t) {
		name := strings.TrimSuffix(filepath.Base(values), ".values.yaml")
		t.Run(name, func(t *testing.T) {
			if out, err := helm(t, "lint", "--strict", "--kube-version", kubernetes, "-f", values, "../charts/housephone"); err != nil {
				t.Errorf("helm lint: %v\n%s", err, out)
			}
			got, err := helm(t, "template", "hall", "../charts/housephone", "--namespace", "house", "--kube-version", kubernetes, "-f", values)
			if err != nil {
				t.Fatalf("helm template: %v\n%s", err, got)
			}
			golden := filepath.Join("testdata/ship", name+".golden.yaml")
			if *updateShip {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", golden, d)
			}
		})
	}
}

// The notes that helm install prints hold a first command. helm prints them only with a cluster, so a copy of the chart
// has them as the text of a ConfigMap.
func TestShipChartNotes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "housephone")
	if err := os.CopyFS(dir, os.DirFS("../charts/housephone")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "templates/NOTES.txt"), filepath.Join(dir, "notes.txt")); err != nil {
		t.Fatal(err)
	}
	shown := "kind: ConfigMap\ndata:\n  notes: {{ tpl (.Files.Get \"notes.txt\") . | quote }}\n"
	if err := os.WriteFile(filepath.Join(dir, "templates/notes.yaml"), []byte(shown), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		set        []string
	}{
		{"broker", "mosquitto_pub -L mqtt://broker.home:1883/housephone/phone/call/set -m 192.168.1.20", []string{"mqtt.url=mqtt://broker.home:1883"}},
		{"no broker", "--set mqtt.url=mqtt://BROKER:1883", nil},
		{"service", "Phones reach it at 192.168.1.50, port 5060", []string{"network.mode=service", "network.advertise=192.168.1.50"}},
		{"policy that does nothing", "set SIP_ALLOW_FROM", []string{"networkPolicy.enabled=true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"template", "hall", dir, "--kube-version", kubernetes, "--show-only", "templates/notes.yaml"}
			for _, s := range c.set {
				args = append(args, "--set", s)
			}
			out, err := helm(t, args...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(out, c.want) {
				t.Errorf("the notes are\n%s\nwant %q", out, c.want)
			}
		})
	}
}

// TestShipChartRefuses: what makes no sense stops helm with a sentence that names the value.
func TestShipChartRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		set        []string
	}{
		{"unknown value", "mqttt", []string{"mqttt.url=x"}},
		{"unknown kind", "kind", []string{"kind=Job"}},
		{"two of one account", "replicas", []string{"replicas=2"}},
		{"service without an address", "advertise", []string{"network.mode=service"}},
		{"port of a privileged program", "sipPort", []string{"network.sipPort=80"}},
		{"ports the wrong way round", "last (16000) has to be above first (16384)", []string{"network.rtpPorts.last=16000"}},
		{"too many ports", "at most 100", []string{"network.mode=service", "network.advertise=h", "network.rtpPorts.last=17000"}},
		{"node ports out of range", "30000-32767", []string{"network.mode=service", "network.advertise=h", "network.service.type=NodePort"}},
		{"service of a daemon set", "cannot tell the pods of a DaemonSet apart", []string{"kind=DaemonSet", "network.mode=service", "network.advertise=h"}},
		{"password in plain text", "SIP_PASSWORD", []string{"env.SIP_PASSWORD=secret"}},
		{"switch password in plain text", "ESL_URL", []string{"env.ESL_URL=esl://:x@h"}},
		{"broker password in the URL", "url", []string{"mqtt.url=mqtt://u:p@h"}},
		{"variable that the chart sets", "the chart sets it", []string{"env.SIP_LISTEN=0.0.0.0:1"}},
		{"server without user", "user", []string{"sip.server=pbx"}},
		{"device without privileges", "privileged", []string{"devices.hostPaths={/dev/snd}"}},
		{"path that is no device", "hostPaths", []string{"devices.hostPaths={/etc/shadow}", "devices.privileged=true"}},
		{"one claim for many", "existingClaim", []string{"kind=StatefulSet", "persistence.existingClaim=x"}},
		{"pair of many phones", "want kind Deployment", []string{"pair.enabled=true", "kind=StatefulSet", "mqtt.url=mqtt://b"}},
		{"pair behind a Service", "want network.mode host", []string{"pair.enabled=true", "mqtt.url=mqtt://b", "network.mode=service", "network.advertise=h"}},
		{"pair without a common broker", "mqtt.url is empty", []string{"pair.enabled=true"}},
		{"pair on one disk", "no common disk", []string{"pair.enabled=true", "mqtt.url=mqtt://b", "persistence.enabled=true"}},
		{"pair of one", "replicas", []string{"pair.enabled=true", "mqtt.url=mqtt://b", "pair.replicas=1"}},
		{"pair that meets nowhere", "mode", []string{"pair.enabled=true", "mqtt.url=mqtt://b", "pair.mode=zookeeper"}},
		{"lease that is no name", "id", []string{"pair.enabled=true", "mqtt.url=mqtt://b", "id=Front_Door"}},
		{"secret without key", "ESL_URL", []string{"secretEnv.ESL_URL.name=x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"template", "hall", "../charts/housephone", "--kube-version", kubernetes}
			for _, s := range c.set {
				args = append(args, "--set", s)
			}
			out, err := helm(t, args...)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(out, c.want) {
				t.Errorf("helm says:\n%s\nwant %q", out, c.want)
			}
		})
	}
}

// TestShipChartIsKubernetes holds the record against the API of several releases. ServiceMonitor is not Kubernetes' own.
func TestShipChartIsKubernetes(t *testing.T) {
	dir := t.TempDir()
	for _, values := range valuesFiles(t) {
		name := strings.Replace(filepath.Base(values), ".values.", ".golden.", 1)
		text, err := os.ReadFile(filepath.Join("testdata/ship", name))
		if err != nil {
			t.Fatal(err)
		}
		var keep []string
		for _, document := range regexp.MustCompile(`(?m)^---$`).Split(string(text), -1) {
			if strings.TrimSpace(document) != "" && !strings.Contains(document, "kind: ServiceMonitor") {
				keep = append(keep, document)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(keep, "---")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {portz: []}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1.25", "1.27", "1.30"} {
		t.Run(version, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), tool(t, "KUBECTL_VALIDATE"), "--version", version, dir).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if out, err := exec.CommandContext(t.Context(), tool(t, "KUBECTL_VALIDATE"), "--version", version, broken).CombinedOutput(); err == nil {
				t.Errorf("a service with portz is accepted: the check is blind\n%s", out)
			}
		})
	}
}
