package lease_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	coordination "k8s.io/api/coordination/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"housephone/pair"
	"housephone/pair/lease"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api is the part of an API server that keeps Leases: a version that grows with each write, and a refusal (409) of what
// is not based on the latest. The real one is asked by make e2e-kubernetes.
type api struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex // guards following
	lease   *coordination.Lease
	old     *coordination.Lease // what is read from memory, nil = the latest
	version int
	writes  int
	status  int           // of every answer, 0 = as it should be
	cut     chan struct{} // requests wait until it is closed
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t}
	a.Server = httptest.NewTLSServer(a)
	t.Cleanup(func() {
		a.set(func() {
			if a.cut != nil {
				close(a.cut)
				a.cut = nil
			}
		})
		a.CloseClientConnections()
		a.Close()
	})
	return a
}

func (a *api) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

const path = "/apis/coordination.k8s.io/v1/namespaces/house/leases"

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	cut := a.cut
	a.mu.Unlock()
	if cut != nil {
		select {
		case <-cut:
		case <-r.Context().Done():
			return
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if got := r.Header.Get("Authorization"); got != "Bearer secret" {
		a.refuse(w, 401, "Unauthorized")
		return
	}
	if a.status != 0 {
		a.refuse(w, a.status, map[int]string{403: "Forbidden", 500: "InternalError"}[a.status])
		return
	}
	l := &coordination.Lease{}
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(l); err != nil {
			a.refuse(w, 400, "BadRequest")
			return
		}
	}
	one := r.URL.Path == path+"/housephone-phone"
	switch {
	case r.Method == http.MethodGet && one && a.lease == nil, r.Method == http.MethodPut && one && a.lease == nil:
		a.refuse(w, 404, "NotFound")
	case r.Method == http.MethodGet && one && a.old != nil && r.URL.Query().Get("resourceVersion") == "0":
		a.show(w, a.old)
	case r.Method == http.MethodGet && one:
		a.show(w, a.lease)
	case r.Method == http.MethodPost && r.URL.Path == path && a.lease != nil:
		a.refuse(w, 409, "AlreadyExists")
	case r.Method == http.MethodPost && r.URL.Path == path, r.Method == http.MethodPut && one && l.ResourceVersion == a.lease.ResourceVersion:
		a.version++
		a.writes++
		l.ResourceVersion = fmt.Sprint(a.version)
		a.lease = l
		a.show(w, l)
	case r.Method == http.MethodPut && one:
		a.refuse(w, 409, "Conflict")
	default:
		a.t.Errorf("%s %s", r.Method, r.URL.Path)
		a.refuse(w, 404, "NotFound")
	}
}

func (a *api) show(w http.ResponseWriter, l *coordination.Lease) {
	l.TypeMeta = meta.TypeMeta{Kind: "Lease", APIVersion: "coordination.k8s.io/v1"}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(l)
}

func (a *api) refuse(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(meta.Status{
		TypeMeta: meta.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: int32(code), Reason: meta.StatusReason(reason), Message: reason,
	})
}

// account is the folder that Kubernetes mounts into a pod.
func (a *api) account() string {
	a.t.Helper()
	dir := a.t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
	for name, text := range map[string]string{"token": "secret\n", "namespace": "house", "ca.crt": string(ca)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return dir
}

// instance is an elector that runs until it is killed or the test ends.
type instance struct {
	*pair.Elector
	log  *syncBuffer
	kill func()
}

func (a *api) instance(name string) *instance {
	a.t.Helper()
	host, port, err := net.SplitHostPort(a.Listener.Addr().String())
	if err != nil {
		a.t.Fatal(err)
	}
	conf, err := lease.InCluster(func(v string) string {
		return map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}[v]
	}, a.account())
	if err != nil {
		a.t.Fatal(err)
	}
	conf.Name = lease.NameFor("phone")
	store, err := lease.New(conf)
	if err != nil {
		a.t.Fatal(err)
	}
	i := &instance{log: &syncBuffer{}}
	i.Elector, err = pair.NewElector(pair.Config{Holder: name, Timing: pair.NewTiming(time.Second), Exact: true}, store,
		pair.Boottime(), slog.New(slog.NewTextHandler(i.log, nil)))
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(a.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := i.Run(ctx); err != nil {
			a.t.Error(err)
		}
	}()
	i.kill = func() { cancel(); <-done }
	a.t.Cleanup(i.kill)
	return i
}

type syncBuffer struct {
	mu sync.Mutex // guards following
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// eventually says "broken", not "slow". Meanwhile never two may be active.
func eventually(t *testing.T, what string, ok func() bool, never ...*instance) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		active := 0
		for _, i := range never {
			if i.Active() {
				active++
			}
		}
		if active > 1 {
			t.Fatal("two are active")
		}
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestTakesOver(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	one := a.instance("one")
	eventually(t, "one is active", one.Active)
	two := a.instance("two")
	eventually(t, "two has seen one", func() bool { return two.Status().Holder == "one" }, one, two)
	a.set(func() {
		if s := a.lease.Spec; *s.HolderIdentity != "one" || *s.LeaseDurationSeconds != 1 || s.RenewTime == nil || *s.LeaseTransitions < 1 {
			t.Errorf("the Lease is %+v", s)
		}
	})
	one.kill()
	eventually(t, "two is active", two.Active, one, two)
	three := a.instance("three")
	eventually(t, "three waits", func() bool { return three.Status().Holder == "two" }, two, three)
	two.Release(t.Context())
	if two.Active() || two.Alone() {
		t.Error("after the release it is still active")
	}
	eventually(t, "three is active", three.Active, two, three)
}

// A server that does not answer, or not in time, makes the active one step down before anybody could follow.
func TestServerAway(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	one, two := a.instance("one"), a.instance("two")
	eventually(t, "somebody is active", func() bool { return one.Active() || two.Active() }, one, two)
	a.set(func() { a.cut = make(chan struct{}) })
	eventually(t, "nobody is active", func() bool { return !one.Active() && !two.Active() }, one, two)
	eventually(t, "it says why", func() bool { return strings.Contains(one.log.String(), "does not answer in time") }, one, two)
	a.set(func() { close(a.cut); a.cut = nil })
	eventually(t, "somebody is active again", func() bool { return one.Active() || two.Active() }, one, two)
	a.set(func() { a.status = 500 })
	eventually(t, "nobody is active", func() bool { return !one.Active() && !two.Active() }, one, two)
	a.set(func() { a.status = 0 })
	eventually(t, "somebody is active again", func() bool { return one.Active() || two.Active() }, one, two)
}

// A Lease that somebody deletes or takes ends the reign without a gap in which two are active.
func TestLeaseTouchedByHand(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	one := a.instance("one")
	eventually(t, "one is active", one.Active)
	a.set(func() { a.lease = nil })
	eventually(t, "the Lease is there again", func() (ok bool) { a.set(func() { ok = a.lease != nil }); return }, one)
	a.set(func() {
		somebody := "somebody"
		a.version++
		a.lease.ResourceVersion, a.lease.Spec.HolderIdentity = fmt.Sprint(a.version), &somebody
	})
	eventually(t, "one has stepped down", func() bool { return !one.Active() && one.Status().Holder == "somebody" })
	eventually(t, "one is active again when somebody does not renew", one.Active)
}

func TestRoleWithoutRights(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.status = 403
	one := a.instance("one")
	want := "the service account may not use the Lease house/housephone-phone: its role needs get, create and update of leases"
	eventually(t, want, func() bool { return strings.Contains(one.Status().Trouble, want) })
	time.Sleep(300 * time.Millisecond)
	if n := strings.Count(one.log.String(), want); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	a.set(func() { a.status = 0 })
	eventually(t, "one is active", one.Active)
	if s := one.Status(); s.Trouble != "" {
		t.Errorf("still %q", s.Trouble)
	}
}

func TestNotInACluster(t *testing.T) {
	t.Parallel()
	if _, err := lease.InCluster(func(string) string { return "" }, "/nonexistent"); err == nil || !strings.Contains(err.Error(), "no pod") {
		t.Error(err)
	}
	if _, err := lease.InCluster(func(string) string { return "1" }, "/nonexistent"); err == nil || !strings.Contains(err.Error(), "no service account") {
		t.Error(err)
	}
}

func TestNameFor(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{"phone", "door-1", "Door_1", "door_1", "Küche", "küche", "-", strings.Repeat("x", 300)} {
		name := lease.NameFor(id)
		if len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasSuffix(name, "-") {
			t.Errorf("%q is no name of an object", name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q are both %q", id, other, name)
		}
		seen[name] = id
	}
	if got := lease.NameFor("phone"); got != "housephone-phone" {
		t.Error(got)
	}
}

// A read from the API server's memory may show a Lease as it was before our own write.
func TestOldReadsAreNoNews(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	one := a.instance("one")
	eventually(t, "one is active", one.Active)
	one.kill()
	two := a.instance("two")
	eventually(t, "two is active", two.Active)
	a.set(func() { // what reads show from now on; writes are based on the latest
		old := a.lease.DeepCopy()
		somebody := "one"
		old.ResourceVersion, old.Spec.HolderIdentity = "1", &somebody
		a.old = old
		a.status = 500
	})
	eventually(t, "two has stepped down", func() bool { return !two.Active() })
	a.set(func() { a.status = 0 })
	eventually(t, "two is active again", two.Active)
	if s := two.Status(); s.Holder != "two" {
		t.Errorf("the holder is %q", s.Holder)
	}
}
