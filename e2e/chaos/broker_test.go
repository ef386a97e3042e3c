package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"housephone/e2e/peers"
)

// online waits until a message that came after the mark says that the service is there.
func online(t *testing.T, h *house, mark peers.Mark, what string) {
	t.Helper()
	within(t, what, backLimit, func() bool {
		for _, m := range h.Since(mark, h.Topic("connection")) {
			if m.Payload == "online" && !m.Retained {
				return true
			}
		}
		// what is published before the test's own client is back is retained for it
		v, _ := h.Last(h.Topic("connection"))
		return v == "online" && len(h.Since(mark, h.Topic("connection"))) > 0
	})
}

// The broker dies in a call and stays away; the call goes on and ends meanwhile, another one comes and goes. On the
// broker's return the topics tell how things stand, and the records of both calls come when their readers may be back.
// That somebody rang ten minutes ago is not told as if it were now.
func TestBrokerGone(t *testing.T) {
	t.Parallel()
	h := atBroker(t, env{"PHONE_AUTOANSWER": "1"})
	h.talk(t)
	h.mq.Kill()
	away := time.Now()
	time.Sleep(time.Second)
	h.hears(t)
	h.bob.Do("hangup", "")
	time.Sleep(500 * time.Millisecond)
	mark := h.bob.Mark()
	h.bob.Do("dial", h.dialled()) // answered by itself: nobody needs a broker to talk
	h.bob.WaitEvent(mark, "CALL_ESTABLISHED", patience)
	h.hears(t)
	h.bob.Do("hangup", "")
	time.Sleep(time.Until(away.Add(chaos.pick(10*time.Second, 10*time.Minute))))

	heard := h.Mark()
	h.HearingFirst(h.mq.Start)
	within(t, "states after the broker's return", backLimit, func() bool {
		return slices.ContainsFunc(h.Since(heard, h.Topic("connection")), func(m peers.Message) bool { return m.Payload == "online" && !m.Retained })
	})
	h.Publish("homeassistant/status", "online") // as Home Assistant does when it is back
	ended := func() int { return len(h.Since(heard, h.Topic("call/ended"))) }
	within(t, "records of the calls that ended meanwhile", backLimit, func() bool { return ended() == 2 })
	if moments := len(h.Since(heard, h.Topic("pbx"))); chaos.full && moments != 0 {
		t.Errorf("%d events of ten minutes ago were told", moments)
	}
	atRest(t, h.Housephone)
	h.Do("autoanswer", "0")
	h.works(t)
}

// The broker hangs with its connections open; then it is killed without a word and restarted.
func TestBrokerHangs(t *testing.T) {
	t.Parallel()
	h := atBroker(t, nil)
	h.talk(t)
	h.mq.Freeze()
	time.Sleep(chaos.pick(8*time.Second, 90*time.Second))
	h.hears(t)
	mark := h.Mark()
	h.mq.Thaw()
	h.bob.Do("hangup", "")
	within(t, "end of the call told after the broker's awakening", backLimit, func() bool {
		v, _ := h.Last(h.Topic("status"))
		return v == "hangup" && len(h.Since(mark, h.Topic("call/ended"))) == 1
	})
	atRest(t, h.Housephone)
	h.works(t)
}

// Somebody else takes the service's MQTT session over; the service is back when that one has gone, and nobody storms
// the broker in between.
func TestSessionTakenOver(t *testing.T) {
	t.Parallel()
	h := atBroker(t, nil)
	h.talk(t)
	mark := h.Mark()
	thief := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(h.mq.URL(), "mqtt://", "tcp://", 1)).
		SetClientID("housephone-phone").SetAutoReconnect(false).SetCleanSession(true))
	if token := thief.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	time.Sleep(3 * time.Second)
	if n := strings.Count(h.mq.Log(), "housephone-phone already connected, closing old connection"); n == 0 || n > 8 {
		t.Errorf("the broker saw the session taken over %d times", n)
	}
	thief.Disconnect(100)
	online(t, h, mark, "back in its session")
	h.hears(t)
	hangup(t, h)
	atRest(t, h.Housephone)
	h.works(t)
}
