package e2e

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// A building in small: every door phone is a pair over two nodes, all with one broker and one Kamailio. A node is lost with all its
// instances at once, and every door can be called again.
func TestBuildingLosesANode(t *testing.T) {
	t.Parallel()
	const doors = 3
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	users := peers.DefaultUsers()
	for n := range doors {
		users = append(users, peers.User{Name: fmt.Sprintf("door-%d", n), Password: fmt.Sprintf("secret-%d", n)})
	}
	k := peers.NewKamailio(t, ports, peers.KamailioConfig{Users: users})
	nodes := make([][]*peers.Housephone, 2)
	for node := range nodes {
		ports := peers.NewPorts(t)
		for n := range doors {
			id := fmt.Sprintf("door-%d", n)
			settings := env{"HOUSEPHONE_ID": id, "PAIR_MODE": "mqtt", "PAIR_NAME": fmt.Sprintf("node-%d", node)}
			maps.Copy(settings, k.Env(id, "udp"))
			h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Env: settings, Broker: broker})
			if !peers.Eventually(patience, h.Ready) {
				t.Fatalf("%s on node %d is not ready", id, node)
			}
			nodes[node] = append(nodes[node], h)
		}
	}
	for n, h := range nodes[0] {
		h.State("registration", "1")
		h.WaitState(fmt.Sprintf("housephone/pair/door-%d/node-0", n), "active", patience)
		h.WaitState(fmt.Sprintf("housephone/pair/door-%d/node-1", n), "standby", patience)
	}
	t.Logf("an active instance holds %d MB, a standby %d MB (with the race detector)", resident(t, nodes[0][0].PID()), resident(t, nodes[1][0].PID()))
	mark, lost := nodes[1][0].Mark(), time.Now()
	for _, h := range nodes[0] {
		h.Kill()
	}
	for _, h := range nodes[1] {
		h.WaitEvent(mark, h.Topic("registration"), patience, func(v string) bool { return v == "1" })
		h.WaitEvent(mark, h.Topic("connection"), patience, func(v string) bool { return v == "online" })
	}
	t.Logf("all %d doors are back after %v", doors, time.Since(lost))
	alice := peers.NewBaresip(t, ports, k.BaresipAccount("alice", "udp"))
	for n, h := range nodes[1] {
		alice.Do("dial", fmt.Sprintf("sip:door-%d@%s", n, k.Address()))
		h.State("status", "ring")
		h.Do("call", "answer")
		h.State("status", "active")
		h.Do("call", "hangup")
		h.Idle()
	}
}

// resident is the memory of a process in MB: VmRSS of proc(5).
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatal("no VmRSS")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}
