//go:build kubernetes

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"housephone/e2e/peers"
	election "housephone/pair"
	"housephone/pair/lease"
)

// cluster is a real API server with etcd behind it, and nothing else: no node, no controller. RBAC is on.
type cluster struct {
	t      *testing.T
	port   int
	server *peers.Process
	client *http.Client
	ca     []byte
}

const (
	adminToken = "admin-token"
	hallToken  = "hall-token" // of the service account house/hall
)

func newCluster(t *testing.T, ports *peers.Ports) *cluster {
	t.Helper()
	c := &cluster{t: t, port: ports.Next()}
	dir := t.TempDir()
	clients, others := ports.Next(), ports.Next()
	url := func(port int) string { return "http://" + peers.Loopback(port) }
	peers.Start(t, peers.Command{
		Path: kubernetesProgram(t, "etcd"), Quiet: true,
		Args: []string{"--data-dir", memory(t), "--unsafe-no-fsync", "--listen-client-urls", url(clients),
			"--advertise-client-urls", url(clients), "--listen-peer-urls", url(others), "--initial-advertise-peer-urls", url(others),
			"--initial-cluster", "default=" + url(others)},
		Ready: func(*peers.Process) bool { return get(url(clients)+"/health") == http.StatusOK },
	})
	tokens := adminToken + `,admin,1,"system:masters"` + "\n" +
		hallToken + `,system:serviceaccount:house:hall-housephone,2,"system:serviceaccounts,system:authenticated"` + "\n"
	file := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(file, []byte(tokens), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "sa.key")
	peers.Run(t, peers.Program(t, "openssl"), "genrsa", "-out", key, "2048")
	// certificates in a test folder are the server's own; what it is asked for is checked against them
	c.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // before its certificate is known
	}}
	c.server = peers.Start(t, peers.Command{
		Path: kubernetesProgram(t, "apiserver"), Quiet: true,
		Args: []string{"--etcd-servers", url(clients), "--secure-port", fmt.Sprint(c.port), "--bind-address", "127.0.0.1",
			"--cert-dir", filepath.Join(dir, "certificates"), "--authorization-mode", "RBAC", "--token-auth-file", file,
			"--service-account-key-file", key, "--service-account-signing-key-file", key,
			"--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", "10.0.0.0/24",
			"--endpoint-reconciler-type", "none"},
		ReadyTimeout: 2 * time.Minute,
		Ready: func(*peers.Process) bool {
			code, _ := c.ask(http.MethodGet, "/readyz", nil)
			return code == http.StatusOK
		},
	})
	conn, err := tls.Dial("tcp", peers.Loopback(c.port), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // to learn its certificate
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, cert := range conn.ConnectionState().PeerCertificates {
		c.ca = append(c.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return c
}

// memory is a folder of a file system that no disk can hold up, where there is one: etcd waits for its disk, and all who
// use the API server with it.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "housephone-etcd")
	if err != nil {
		return filepath.Join(t.TempDir(), "etcd")
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// kubernetesProgram is the path of etcd or apiserver, which is built first where it has to be.
func kubernetesProgram(t *testing.T, what string) string {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "../scripts/kubernetes", what)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/kubernetes %s: %v\n%s", what, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

func get(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// ask the API server as its administrator.
func (c *cluster) ask(method, path string, body any) (int, []byte) {
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("https://127.0.0.1:%d%s", c.port, path), bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = res.Body.Close() }()
	out, _ := io.ReadAll(res.Body)
	return res.StatusCode, out
}

func (c *cluster) create(path string, object any) {
	c.t.Helper()
	if code, out := c.ask(http.MethodPost, path, object); code != http.StatusCreated {
		c.t.Fatalf("POST %s: %d %s", path, code, out)
	}
}

// install creates what the recorded manifests of the chart hold that a Lease needs.
func (c *cluster) install() {
	c.t.Helper()
	c.create("/api/v1/namespaces", map[string]any{"metadata": map[string]any{"name": "house"}})
	text, err := os.ReadFile("testdata/ship/pair.golden.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	where := map[string]string{
		"ServiceAccount": "/api/v1/namespaces/house/serviceaccounts",
		"Role":           "/apis/rbac.authorization.k8s.io/v1/namespaces/house/roles",
		"RoleBinding":    "/apis/rbac.authorization.k8s.io/v1/namespaces/house/rolebindings",
	}
	done := 0
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var object map[string]any
		if err := d.Decode(&object); err != nil {
			break
		}
		if path, ok := where[fmt.Sprint(object["kind"])]; ok {
			c.create(path, object)
			done++
		}
	}
	if done != 3 {
		c.t.Fatalf("%d of 3 objects are in the record of the chart", done)
	}
}

// env is what Kubernetes would give a pod. port is that of the API server or of a relay before it.
func (c *cluster) env(port int) env {
	c.t.Helper()
	dir := c.t.TempDir()
	for name, text := range map[string]string{"token": hallToken, "namespace": "house", "ca.crt": string(c.ca)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	return env{"PAIR_MODE": "kubernetes", "PAIR_ACCOUNT_DIR": dir, "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": fmt.Sprint(port)}
}

func (c *cluster) holder() string {
	_, out := c.ask(http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/house/leases/housephone-phone", nil)
	var l struct {
		Spec struct {
			Holder string `json:"holderIdentity"`
		} `json:"spec"`
	}
	_ = json.Unmarshal(out, &l)
	return l.Spec.Holder
}

// TestKubernetesPair: RBAC of the chart, SIGKILL, SIGSTOP, a cut network, an API server that is away.
func TestKubernetesPair(t *testing.T) {
	ports := peers.NewPorts(t)
	c := newCluster(t, ports)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	k := peers.NewKamailio(t, ports, peers.KamailioConfig{})
	relay := peers.NewTCPRelay(t, ports, c.port)

	// without the role of the chart it says what is missing
	lonely := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Broker: broker, Env: c.env(c.port), Down: true})
	lonely.WaitLog(`the service account may not use the Lease house/housephone-phone`, patience)
	if !peers.Eventually(patience, func() bool { _, why := lonely.Get("/readyz"); return strings.Contains(why, "may not use the Lease") }) {
		t.Error("/readyz does not say what is missing")
	}
	lonely.Terminate()
	c.install()

	d := newDuo(t, broker, ports, k.Env("house", "udp"), c.env(relay.Port), c.env(c.port))
	if !strings.HasPrefix(c.holder(), "a_") {
		t.Errorf("the Lease is held by %q", c.holder())
	}
	d.a.State("registration", "1")

	t.Log("the active one is killed")
	mark, start := d.b.Mark(), time.Now()
	d.a.Kill()
	took := d.watch.await(t, 1, -1).Sub(start)
	d.b.WaitEvent(mark, d.b.Topic("registration"), patience, func(v string) bool { return v == "1" })
	d.b.WaitEvent(mark, d.b.Topic("connection"), patience, func(v string) bool { return v == "online" })
	t.Logf("active after %v, registered and on MQTT after %v", took, time.Since(start))
	d.truth(mark)

	t.Log("the active one is stopped")
	d.a.Start()
	d.a.WaitState("housephone/pair/phone/a", "standby", patience)
	d.b.Signal(syscall.SIGSTOP)
	start = time.Now()
	t.Logf("active after %v", d.watch.await(t, 0, -1).Sub(start))
	time.Sleep(500 * time.Millisecond)
	d.b.Signal(syscall.SIGCONT)
	d.watch.await(t, 0, 1)
	d.truth(0)

	t.Log("the way from the active one to the API server is cut")
	relay.Cut()
	d.watch.await(t, 1, 0)
	relay.Mend()
	d.truth(0)

	t.Log("the API server is away")
	c.server.Signal(syscall.SIGSTOP)
	if !peers.Eventually(patience, func() bool { s := d.watch.latest(); return !s[0] && !s[1] }) {
		t.Errorf("without an API server %v are active", d.watch.latest())
	}
	if !peers.Eventually(patience, func() bool { return !d.b.Ready() }) {
		t.Error("without an API server the one that was active is ready")
	}
	c.server.Signal(syscall.SIGCONT)
	if !peers.Eventually(2*patience, func() bool { s := d.watch.latest(); return s[0] != s[1] }) {
		t.Errorf("when the API server is back %v are active", d.watch.latest())
	}
	d.b.State("connection", "online")
	d.b.State("registration", "1")

	t.Log("handed over")
	was := d.watch.latest()
	d.b.WaitState("housephone/pair/phone/"+map[bool]string{true: "b", false: "a"}[was[0]], "standby", patience)
	d.b.Do("active", "0")
	if was[0] {
		d.watch.await(t, 1, 0)
	} else {
		d.watch.await(t, 0, 1)
	}
}

// TestKubernetesMany: what many pairs cost an API server, and that none of them ever has two active. The instances are electors of this
// process; the test prints what a building of that size asks for.
func TestKubernetesMany(t *testing.T) {
	ports := peers.NewPorts(t)
	c := newCluster(t, ports)
	c.install()
	settings := c.env(c.port)
	c.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", map[string]any{
		"metadata": map[string]any{"name": "many"},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": []any{map[string]any{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccount:house:hall-housephone"}},
	})
	for _, size := range []struct {
		pairs int
		lease time.Duration
	}{{50, 2 * time.Second}, {250, 15 * time.Second}} {
		t.Run(fmt.Sprintf("%d pairs with a lease of %v", size.pairs, size.lease), func(t *testing.T) {
			c.many(t, settings, size.pairs, size.lease)
		})
	}
}

// many runs pairs for a while, watches them and prints what they cost.
func (c *cluster) many(t *testing.T, settings env, pairs int, ttl time.Duration) {
	t.Helper()
	const length = 30 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	electors := make([][2]*election.Elector, pairs)
	for n := range electors {
		for i := range 2 {
			e := c.elector(t, settings, fmt.Sprintf("door-%d-%v", n, ttl), fmt.Sprintf("%d-%d", n, i), ttl)
			electors[n][i] = e
			running.Go(func() { _ = e.Run(ctx) })
		}
	}
	active := func() int {
		all := 0
		for n, e := range electors {
			one, two := e[0].Active(), e[1].Active()
			if one && two && e[0].Active() { // the first look may be older than the change
				t.Fatalf("pair %d has two active", n)
			}
			if one || two {
				all++
			}
		}
		return all
	}
	if !peers.Eventually(2*time.Minute, func() bool { return active() == pairs }) {
		t.Fatalf("%d of %d pairs are served", active(), pairs)
	}
	before, spent, least := c.version(), processorTime(t, c.server.PID()), pairs
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		least = min(least, active())
	}
	writes, cpu := c.version()-before, processorTime(t, c.server.PID())-spent
	t.Logf("%.0f writes a second, %.0f %% of a processor for the API server, at worst %d pairs served at a time",
		float64(writes)/length.Seconds(), 100*cpu.Seconds()/length.Seconds(), least)
}

// elector is one instance at the Lease of an id.
func (c *cluster) elector(t *testing.T, settings env, id, holder string, ttl time.Duration) *election.Elector {
	t.Helper()
	conf, err := lease.InCluster(func(name string) string { return settings[name] }, settings["PAIR_ACCOUNT_DIR"])
	if err != nil {
		t.Fatal(err)
	}
	conf.Name = lease.NameFor(id)
	store, err := lease.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	e, err := election.NewElector(election.Config{Holder: holder, Timing: election.NewTiming(ttl), Exact: true},
		store, election.Boottime(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// version is the number of the latest write of all.
func (c *cluster) version() int {
	_, out := c.ask(http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/house/leases?limit=1", nil)
	var list struct {
		Metadata struct {
			Version string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(out, &list)
	n, err := strconv.Atoi(list.Metadata.Version)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// processorTime is what a process has used: fields 14 and 15 of proc(5) stat, in ticks of 10 ms.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	var ticks time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}
