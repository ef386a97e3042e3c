package chaos

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"housephone/e2e/peers"
)

// The machine sleeps in a call, and while a call rings that the caller gives up meanwhile.
func TestSuspended(t *testing.T) {
	t.Parallel()
	h := atBroker(t, nil)
	h.talk(t)
	h.Signal(syscall.SIGSTOP)
	time.Sleep(chaos.pick(4*time.Second, 40*time.Second)) // in the full form the broker gives it up
	h.Signal(syscall.SIGCONT)
	within(t, "at the broker after the sleep", backLimit, func() bool {
		v, _ := h.Last(h.Topic("connection"))
		return v == "online"
	})
	h.hears(t)
	h.State("status", "active")
	hangup(t, h)

	h.ring(t)
	h.Signal(syscall.SIGSTOP)
	h.bob.Do("hangup", "")
	time.Sleep(3 * time.Second)
	h.Signal(syscall.SIGCONT)
	within(t, "the call that was given up has gone", truthLimit, func() bool {
		v, _ := h.Last(h.Topic("status"))
		return v == "hangup"
	})
	atRest(t, h.Housephone)
	h.works(t)
}

// Every port for sound is taken by somebody else: calls are refused with a sentence, and work again when ports are free.
func TestPortsUsedUp(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	first, last := ports.Range(4, 2)
	taken := make([]net.PacketConn, 0, 4)
	for port := first; port <= last; port++ {
		var lc net.ListenConfig
		conn, err := lc.ListenPacket(t.Context(), "udp4", "0.0.0.0:"+strconv.Itoa(port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		taken = append(taken, conn)
	}
	h := alone(t, env{"SIP_RTP_PORTS": strconv.Itoa(first) + "-" + strconv.Itoa(last)})
	r := h.Refused("call", h.bob.Address(), "failed")
	if !strings.Contains(r.Error, "port") {
		t.Errorf("the result does not name the ports: %q", r.Error)
	}
	mark := h.bob.Mark()
	h.bob.Do("dial", h.dialled())
	h.bob.WaitEvent(mark, "CALL_CLOSED", patience)
	h.Idle()
	for _, conn := range taken {
		_ = conn.Close()
	}
	h.works(t)
	atRest(t, h.Housephone)
}

// The process may open no more files: what is asked for is refused, what is there goes on, and all is well afterwards.
func TestNoFilesLeft(t *testing.T) {
	t.Parallel()
	h := atBroker(t, nil)
	h.talk(t)
	was := limitFiles(t, h.PID(), 0)
	h.hears(t)
	h.bob.Do("hangup", "")
	h.Idle()
	limitFiles(t, h.PID(), openFiles(t, h.PID())) // the call's sockets are closed: leave no room for new ones
	if r := h.Try("call", h.bob.Address(), nil); r.OK || r.Error == "" {
		t.Errorf("a call without files for its sockets: %+v", r)
	}
	mark := h.bob.Mark()
	h.bob.Do("dial", h.dialled())
	h.bob.WaitEvent(mark, "CALL_CLOSED", patience)
	h.Idle()
	heard := h.Mark()
	h.mq.Kill() // the way back to the broker is barred too
	h.mq.Start()
	time.Sleep(2 * time.Second)
	limitFiles(t, h.PID(), was)
	online(t, h, heard, "back at the broker when files are free")
	h.works(t)
	atRest(t, h.Housephone)
}

// limitFiles sets how many files a process may have open; 0 = those that it has. It returns the limit before.
func limitFiles(t *testing.T, pid int, files uint64) uint64 {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		files = openFiles(t, pid)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return old.Cur
}

// openFiles is one more than the highest file descriptor, below which the free ones are counted too: the test makes
// the service's lowest free one the limit.
func openFiles(t *testing.T, pid int) uint64 {
	t.Helper()
	for fd := uint64(0); ; fd++ {
		if _, err := os.Lstat(filepath.Join("/proc", strconv.Itoa(pid), "fd", strconv.FormatUint(fd, 10))); err != nil {
			return fd
		}
	}
}

// The disk of STATE_DIR is full: the setting holds, the loss is told, and is kept when there is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	h := alone(t, env{"STATE_DIR": disk})
	h.Do("volume", "18")
	fill := filepath.Join(disk, "fill")
	if err := os.WriteFile(fill, make([]byte, 64<<10), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	mark := h.Mark()
	h.Do("volume", "19")
	h.State("volume", "19")
	h.Event(mark, "bridge/log", func(v string) bool { return strings.Contains(v, "no space") })
	h.works(t)
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	h.Do("dnd", "1")
	h.Terminate()
	h.Start()
	h.State("connection", "online")
	h.State("volume", "19")
	h.State("dnd", "1")
	h.Do("dnd", "0")
	atRest(t, h.Housephone)
}

// smallDisk mounts a file system of 64 KiB; it needs root.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("a small disk: %v (this test needs root)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
