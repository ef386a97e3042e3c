//go:build ship

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// distribution builds with scripts/release and returns the file in dist/ that a pattern names.
func distribution(t *testing.T, pattern string, args ...string) string {
	t.Helper()
	old, err := filepath.Glob("../dist/" + pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	peers.Run(t, "../scripts/release", args...)
	found, err := filepath.Glob("../dist/" + pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

// debian is a Debian with systemd, in a folder and a container of its own.
type debian struct {
	t    *testing.T
	root string
	pid  int // of its first process
}

func copyDebian(t *testing.T) *debian {
	t.Helper()
	d := &debian{t: t, root: t.TempDir()}
	peers.Run(t, "../scripts/systemd", "copy", d.root)
	return d
}

// take puts a file into the root folder and returns its path there.
func (d *debian) take(path string) string {
	d.t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(filepath.Join(d.root, filepath.Base(path)), data, 0o644)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return "/" + filepath.Base(path)
}

// boot starts systemd and waits until it has started everything.
func (d *debian) boot() {
	d.t.Helper()
	script, err := filepath.Abs("../scripts/systemd")
	if err != nil {
		d.t.Fatal(err)
	}
	p := peers.Start(d.t, peers.Command{Path: script, Args: []string{"boot", d.root}, Env: []string{"SYSTEMD_LOG_LEVEL=warning"}})
	if !peers.Eventually(patience, func() bool { d.pid = initOf(p.PID()); return d.pid != 0 }) {
		d.t.Fatal("systemd-nspawn starts no systemd")
	}
	if !peers.Eventually(time.Minute, func() bool {
		out, _ := d.try("systemctl is-system-running")
		return out == "running" || out == "degraded"
	}) {
		d.t.Fatal("systemd does not come up")
	}
}

// initOf is the child of systemd-nspawn that has become the container's first process; 0 as long as there is none.
func initOf(nspawn int) int {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", nspawn, nspawn))
	if err != nil {
		return 0
	}
	for child := range strings.FieldsSeq(string(children)) {
		name, err := os.ReadFile("/proc/" + child + "/comm")
		if pid, bad := strconv.Atoi(child); err == nil && bad == nil && string(name) == "systemd\n" {
			return pid
		}
	}
	return 0
}

// try runs a shell command, in the container if it is booted, and returns what it said.
func (d *debian) try(command string) (string, error) {
	args := []string{"nsenter", "--target", strconv.Itoa(d.pid), "--all", "/bin/sh", "-c", command}
	if d.pid == 0 {
		args = []string{"chroot", d.root, "/bin/sh", "-c", command}
	}
	cmd := exec.CommandContext(d.t.Context(), args[0], args[1:]...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (d *debian) run(command string) string {
	d.t.Helper()
	out, err := d.try(command)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// wants waits until a command says something.
func (d *debian) wants(command, want string) {
	d.t.Helper()
	var out string
	if !peers.Eventually(patience, func() bool { out, _ = d.try(command); return out == want }) {
		status, _ := d.try("systemctl status housephone; journalctl -n 50 -u housephone")
		d.t.Fatalf("%s: %q, want %q\n%s", command, out, want, status)
	}
}

// show is a property of the service.
func (d *debian) show(property string) string {
	return d.run("systemctl show --value -p " + property + " housephone")
}

const exposure = 2.0 // of 10: what systemd-analyze calls OK

// The .deb brings a service that runs at once with few rights, comes back when it is killed, stays down when its
// settings are wrong, keeps them over an upgrade, and goes without a trace.
func TestShipPackagesDeb(t *testing.T) {
	deb := distribution(t, "*_amd64.deb", "packages", "amd64")
	d := copyDebian(t)
	path := d.take(deb)
	d.boot()
	d.run("dpkg -i " + path)
	d.wants("systemctl is-active housephone", "active")
	d.wants("systemctl is-enabled housephone", "enabled")
	d.wants("housephone -health >/dev/null && echo alive", "alive")

	t.Run("rights", d.rights)
	t.Run("killed", func(*testing.T) {
		d.run("systemctl kill -s KILL housephone")
		d.wants("systemctl show --value -p NRestarts housephone", "1")
		d.wants("housephone -health >/dev/null && echo alive", "alive")
	})
	t.Run("wrong setting", func(t *testing.T) {
		d.run("echo SIP_TRANSPORT=sctp >>/etc/housephone/housephone.env")
		_, _ = d.try("systemctl restart housephone")
		d.wants("systemctl is-failed housephone", "failed")
		time.Sleep(3 * time.Second) // longer than RestartSec
		if code, again := d.show("ExecMainStatus"), d.show("NRestarts"); code != "78" || again != "0" {
			t.Errorf("exit status %s, restarted %s times", code, again)
		}
		if log := d.run("journalctl -n 20 -u housephone"); !strings.Contains(log, `SIP_TRANSPORT="sctp": want one of udp, tcp, tls`) {
			t.Errorf("the journal:\n%s", log)
		}
		d.run("sed -i s/sctp/tcp/ /etc/housephone/housephone.env && systemctl restart housephone")
		d.wants("housephone -health >/dev/null && echo alive", "alive")
	})
	t.Run("upgrade", func(*testing.T) {
		d.run("dpkg -i --force-confold " + path)
		d.wants("housephone -health >/dev/null && echo alive", "alive")
		d.run("grep -q ^SIP_TRANSPORT=tcp /etc/housephone/housephone.env")
	})
	t.Run("purge", func(t *testing.T) {
		begin := time.Now()
		d.run("dpkg --purge housephone")
		if took := time.Since(begin); took > 8*time.Second {
			t.Errorf("stopping and removing took %v", took)
		}
		if left := d.run("ls -d /etc/housephone /var/lib/housephone /usr/bin/housephone /usr/lib/systemd/system/housephone.service 2>/dev/null || true"); left != "" {
			t.Errorf("left: %s", left)
		}
		d.wants("systemctl is-active housephone", "inactive")
	})
}

// rights looks at what the running service may do.
func (d *debian) rights(t *testing.T) {
	pid := d.show("MainPID")
	if user := d.run("stat -c %U /proc/" + pid); user != "housephone" {
		t.Errorf("it runs as %s", user)
	}
	status := d.run("cat /proc/" + pid + "/status")
	for _, want := range []string{`CapEff:\s+0000000000000000`, `CapBnd:\s+0000000000000000`, `NoNewPrivs:\s+1`, `Seccomp:\s+2`} {
		if !regexp.MustCompile(want).MatchString(status) {
			t.Errorf("no %s in\n%s", want, status)
		}
	}
	groups := strings.Fields(d.run("id -nG housephone"))
	for _, want := range []string{"audio", "video", "gpio", "spi", "i2c"} {
		if !slices.Contains(groups, want) {
			t.Errorf("groups %v, without %s", groups, want)
		}
	}
	if mode := d.run("stat -c '%a %U %G' /etc/housephone /etc/housephone/housephone.env /var/lib/housephone"); mode !=
		"750 root housephone\n640 root root\n750 housephone housephone" {
		t.Errorf("folders:\n%s", mode)
	}
	if said := d.run("systemd-analyze verify housephone.service"); said != "" {
		t.Errorf("systemd-analyze verify: %s", said)
	}
	table := d.run("systemd-analyze security --no-pager housephone")
	score := regexp.MustCompile(`exposure level for housephone.service: ([0-9.]+)`).FindStringSubmatch(table)
	if score == nil {
		t.Fatalf("systemd-analyze security:\n%s", table)
	}
	if n, err := strconv.ParseFloat(score[1], 64); err != nil || n > exposure {
		t.Errorf("exposure %s, want at most %v\n%s", score[1], exposure, table)
	}
	t.Logf("systemd-analyze security: exposure %s", score[1])
}

// The .rpm is installed and removed by rpm itself, on a system that has not booted.
func TestShipPackagesRPM(t *testing.T) {
	rpm := distribution(t, "*.x86_64.rpm", "packages", "amd64")
	d := copyDebian(t)
	// Debian's packages are not in rpm's database, so what is needed is compared by name
	if needs := peers.Run(t, "rpm", "-qp", "--requires", rpm); !strings.Contains(needs, "systemd\n") || !strings.Contains(needs, "glibc >= 2.34\n") {
		t.Errorf("needs %s", needs)
	}
	peers.Run(t, "rpm", "--root", d.root, "--nodeps", "-i", rpm)
	if out := d.run("housephone -version && housephone -check && getent passwd housephone && stat -c %G /etc/housephone"); !strings.Contains(out, "valid") {
		t.Error(out)
	}
	d.run("test -f /usr/lib/systemd/system/housephone.service")
	if enabled := d.run("systemctl is-enabled housephone"); enabled != "enabled" {
		t.Errorf("it is %s", enabled)
	}
	peers.Run(t, "rpm", "--root", d.root, "-e", "housephone")
	if left := d.run("ls -d /usr/bin/housephone /usr/lib/systemd/system/housephone.service /etc/systemd/system/multi-user.target.wants/housephone.service 2>/dev/null || true"); left != "" {
		t.Errorf("left: %s", left)
	}
}
