//go:build ship

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"housephone/e2e/peers"
)

// image runs scripts/image, which keeps its work outside of the checkout.
func image(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../scripts/image", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/image %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// unpack returns the root file system of an image that is built, until the test ends.
func unpack(t *testing.T, name ...string) string {
	t.Helper()
	root := image(t, append([]string{"root"}, name...)...)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	return root
}

// imageConfig is what an image says about itself.
type imageConfig struct {
	User, StopSignal, WorkingDir string
	Entrypoint, Env              []string
	Labels                       map[string]string
	ExposedPorts                 map[string]any
	Healthcheck                  struct{ Test []string }
}

func configOf(t *testing.T, name ...string) imageConfig {
	t.Helper()
	var c imageConfig
	if err := json.Unmarshal([]byte(image(t, append([]string{"config"}, name...)...)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	// what chroot(2) and the change of user need; that change drops them
	noRights = "-all,+sys_chroot,+setuid,+setgid"
	// what Docker leaves to root
	usualRights = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap"
)

// container is a root file system and how an engine runs its programs: read-only, without new privileges.
type container struct {
	root   string
	user   string   // uid:gid
	rights string   // capabilities, in the words of setpriv
	mounts []string // in pairs: what is outside, and its place inside
	env    []string
	qemu   string // runs the programs of another platform; empty for this machine's
}

// emulate has the container's programs run by qemu, which needs nothing of the kernel: programs that start others fail.
func (c *container) emulate(qemu string) {
	const inside = "/run/qemu"
	c.qemu, c.mounts = inside, append(c.mounts, qemu, inside)
}

// args are the arguments of unshare that run a program in the container.
func (c *container) args(program string, args ...string) []string {
	const script = `set -e
root=$1 rights=$2 user=$3; shift 3
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
	if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root${2%/*}"; touch -a "$root$2"; fi
	mount --bind "$1" "$root$2"
	shift 2
done
shift
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --bounding-set="$rights" /usr/sbin/chroot --groups= --userspec="$user" "$root" "$@"`
	all := append([]string{"--mount", "--propagation", "private", "/bin/sh", "-c", script, "container", c.root, c.rights, c.user}, c.mounts...)
	all = append(all, "--")
	if c.qemu != "" {
		all = append(all, c.qemu)
	}
	return append(append(all, program), args...)
}

// run runs a program to its end.
func (c *container) run(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peers.Program(t, "unshare"), c.args(program, args...)...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// start starts the service and waits until the image's own health check is content.
func (c *container) start(t *testing.T) *peers.Process {
	t.Helper()
	if out, err := c.run(t, "/usr/bin/housephone", "-health"); err == nil {
		t.Errorf("healthy before it runs: %s", out)
	}
	return peers.Start(t, peers.Command{Path: peers.Program(t, "unshare"), Args: c.args("/usr/bin/housephone"), Env: c.env,
		Ready: func(*peers.Process) bool {
			out, err := c.run(t, "/usr/bin/housephone", "-health")
			return err == nil && out == "ok\n"
		}})
}

// terminate asks the service to end as an engine does. One that does not is made to say what it waits for.
func terminate(t *testing.T, p *peers.Process) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	if !peers.Eventually(patience, p.Ended) {
		p.Signal(syscall.SIGQUIT)
		p.Wait(patience)
		t.Fatalf("SIGTERM: it goes on after %v\n%s", patience, p.Log())
	}
	if exit := p.Wait(patience); exit.Code != 0 {
		t.Errorf("SIGTERM: %+v\n%s", exit, p.Log())
	}
}

// letIn lets user 10001 get to a folder of the test.
func letIn(t *testing.T, dir string) {
	t.Helper()
	for ; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
