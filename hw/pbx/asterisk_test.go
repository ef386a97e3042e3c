//go:build asterisk

package pbx

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asterisk starts a real one, which scripts/asterisk must have built, and returns the address of its manager interface.
func asterisk(t *testing.T) (address string) {
	t.Helper()
	script, err := filepath.Abs("../../scripts/asterisk")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), script, "root").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	dir, err := os.MkdirTemp(filepath.Join(root, "var", "tmp"), "pbx-")
	if err != nil {
		t.Fatalf("%v (is it built?)", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	modules, err := filepath.Glob(filepath.Join(root, "usr/lib/*/asterisk/modules"))
	if err != nil || len(modules) != 1 {
		t.Fatalf("modules: %q, %v", modules, err)
	}
	address = freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	inside := strings.TrimPrefix(dir, root)
	for name, content := range map[string]string{
		"asterisk": strings.NewReplacer("DIR", inside, "MODULES", strings.TrimPrefix(modules[0], root)).Replace(
			"[directories]\nastetcdir => DIR\nastmoddir => MODULES\nastvarlibdir => DIR\nastdbdir => DIR\nastkeydir => DIR\n" +
				"astspooldir => DIR\nastrundir => DIR\nastlogdir => DIR\n[options]\nnocolor = yes\n"),
		"modules": "[modules]\nautoload = no\nload = pbx_config.so\nload = res_timing_timerfd.so\nload = codec_ulaw.so\n" +
			"load = app_dial.so\nload = bridge_simple.so\n",
		"logger": "[general]\n[logfiles]\nconsole => warning,error\n",
		"manager": "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = " + port + "\n" +
			"[house]\nsecret = geheim\nread = call\nwrite = reporting,originate\n[poor]\nsecret = geheim\nread = call\nwrite = call\n",
		"extensions": "[house]\nexten => 600,1,Answer()\n same => n,Wait(1)\n same => n,Hangup()\n" +
			"exten => 601,1,Dial(Local/600@house/n,10)\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".conf"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(script, "run", inside+"/asterisk.conf")
	cmd.Env, cmd.WaitDelay = os.Environ(), time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return address
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestAsterisk: a real switch tells its version and the life of a call, refuses a wrong password, and a user without
// rights is told which one.
func TestAsterisk(t *testing.T) {
	address := asterisk(t)
	c := client(t, Asterisk, address, "house", "geheim")
	c.links[0].begin = func(now time.Time) session { return newAMI(account{address, "house", "geheim"}, time.Second, now) }
	listen(t, c)
	for e := next(t, c); ; e = next(t, c) { // it is refused until the switch is up
		if up, ok := e.(Connected); ok {
			if up.Hint != "" {
				t.Error(up.Hint)
			}
			break
		}
	}
	status, ok := next(t, c).(Status)
	if !ok || !strings.HasPrefix(status.Text, "Asterisk 2") || !strings.Contains(status.Text, "calls: 0 now, 0 since 20") {
		t.Errorf("%+v", status)
	}
	originate(t, address)
	seen := make(map[string]bool)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && (!seen["Hangup"] || !seen["calls"]); {
		switch e := next(t, c).(type) {
		case Channel:
			seen[e.Event] = true
			if e.Event == "DialEnd" && e.State == "ANSWER" && e.Caller == "77" {
				seen["answer"] = true
			}
		case Status:
			seen["calls"] = seen["calls"] || !strings.Contains(e.Text, ", 0 since")
		}
	}
	for _, want := range []string{"Newchannel", "Newstate", "DialBegin", "answer", "BridgeEnter", "Hangup", "calls"} {
		if !seen[want] {
			t.Errorf("no %s among %v", want, seen)
		}
	}
	wrong := client(t, Asterisk, address, "house", "falsch")
	listen(t, wrong)
	if l := isLost(t, wrong, ErrLogin); l.Err.Error() != "the switch refuses the login: Authentication failed" {
		t.Error(l.Err)
	}
	poor := client(t, Asterisk, address, "poor", "geheim")
	listen(t, poor)
	if up, ok := next(t, poor).(Connected); !ok || up.Hint == "" {
		t.Errorf("%+v", up)
	}
}

// originate has the switch call its extension 601, on a connection of its own.
func originate(t *testing.T, address string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := atOnce(conn, "Action: Login\r\nUsername: house\r\nSecret: geheim\r\nEvents: off\r\n\r\n"+
		"Action: Originate\r\nChannel: Local/601@house\r\nContext: house\r\nExten: 600\r\nPriority: 1\r\nCallerID: Kitchen <77>\r\nAsync: true\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}
