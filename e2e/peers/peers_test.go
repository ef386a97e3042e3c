package peers_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/e2e/peers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// Two softphones through the registrar: proves both before they are used to judge the service.
func TestBaresipThroughKamailio(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	kamailio := peers.NewKamailio(t, ports, peers.KamailioConfig{})
	alice := kamailio.BaresipAccount("alice", "udp")
	alice.ToneHz = 1000
	caller := peers.NewBaresip(t, ports, alice)
	bob := kamailio.BaresipAccount("bob", "tcp")
	bob.ToneHz = 600
	callee := peers.NewBaresip(t, ports, bob)
	caller.WaitRegistered()
	callee.WaitRegistered()

	caller.Do("dial", "sip:bob@"+kamailio.Address())
	callee.WaitEvent(0, "CALL_INCOMING", patience)
	callee.Do("accept", "")
	caller.WaitEvent(0, "CALL_ESTABLISHED", patience)
	caller.WaitTone(600, patience)
	callee.WaitTone(1000, patience)
	for _, key := range "15#" {
		caller.Do("sndcode", string(key))
	}
	if !peers.Eventually(patience, func() bool { return callee.Keys(0) == "15#" }) {
		t.Fatalf("keys heard: %q", callee.Keys(0))
	}
	callee.Do("hangup", "")
	caller.WaitEvent(0, "CALL_CLOSED", patience)
}

func TestLinphoneThroughKamailio(t *testing.T) {
	t.Parallel()
	for transport, algorithm := range map[string]string{"udp": "", "tcp": "SHA-256", "tls": ""} {
		t.Run(transport, func(t *testing.T) {
			ports := peers.NewPorts(t)
			kamailio := peers.NewKamailio(t, ports, peers.KamailioConfig{TLS: true, Algorithm: algorithm})
			// linphone is registered too, since baresip knows no SHA-256
			callee := peers.NewLinphone(t, ports, peers.LinphoneConfig{User: "bob", Registrar: kamailio, ToneHz: 1000})
			caller := peers.NewLinphone(t, ports, peers.LinphoneConfig{Registrar: kamailio, Transport: transport})

			caller.Do("call sip:bob@" + kamailio.Address())
			caller.Expect("(?i)ringing", patience)
			callee.Do("answer")
			caller.Expect("Media streams established", patience)
			callee.WaitTone(700, patience)
			caller.WaitTone(1000, patience)
			callee.Do("terminate")
			caller.Expect("ended", patience)
		})
	}
}

func TestLinphoneCalled(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	callee := peers.NewLinphone(t, ports, peers.LinphoneConfig{})
	caller := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	caller.Do("dial", "sip:"+callee.Address())
	callee.Expect("Receiving new incoming call", patience)
	callee.Do("answer")
	callee.WaitTone(1000, patience)
	caller.WaitTone(700, patience)
	mark := caller.Mark()
	callee.Do("7")
	if !peers.Eventually(patience, func() bool { return caller.Keys(mark) == "7" }) {
		t.Fatalf("keys heard: %q", caller.Keys(mark))
	}
	caller.Do("sndcode", "3")
	callee.Expect("Receiving tone 3", patience)
	caller.Do("hangup", "")
	callee.Expect("ended", patience)
}

func TestRegistrarRefuses(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	kamailio := peers.NewKamailio(t, ports, peers.KamailioConfig{})
	wrong := kamailio.BaresipAccount("alice", "udp")
	wrong.Account = ";auth_pass=wrong;regint=60"
	phone := peers.NewBaresip(t, ports, wrong)
	phone.WaitLog("reg: .* 401 Unauthorized", patience)
}

func TestSIPpCallsBaresip(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	callee := peers.NewBaresip(t, ports, peers.BaresipConfig{Account: ";regint=0;answermode=auto"})
	sipp := peers.NewSIPp(t, ports, peers.SIPpConfig{
		Scenario: "testdata/uac.xml", Target: peers.Loopback(callee.Port), Service: callee.User, Calls: 3, Args: []string{"-r", "2"},
	})
	sipp.Success()
	if !peers.Eventually(patience, func() bool { return len(callee.Since(0, "CALL_CLOSED")) == 3 }) {
		t.Errorf("%d calls ended, want 3", len(callee.Since(0, "CALL_CLOSED")))
	}
	if n := len(sipp.Received("BYE")); n != 0 {
		t.Errorf("%d BYE came, want none", n)
	}
}

func TestBrokers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]peers.MosquittoConfig{
		"open":             {},
		"password":         {Username: "house", Password: "broker-secret-4410"},
		"password and TLS": {Username: "house", Password: "broker-secret-4410", TLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			broker := peers.NewMosquitto(t, peers.NewPorts(t), c)
			client := peers.NewMQTT(t, broker.URL(), c.Username, c.Password, broker.TLS.CAFile)
			client.PublishRetained("a/b", "1")
			client.WaitState("a/b", "1", patience)
			broker.Kill()
			broker.Start()
			mark := client.Mark()
			if !peers.Eventually(patience, func() bool {
				client.Publish("a/c", "2")
				return len(client.Since(mark, "a/c")) > 0
			}) {
				t.Fatal("nothing heard after the restart")
			}
		})
	}
}
