package topics

import (
	"strings"
	"testing"
)

func TestAnnouncement(t *testing.T) {
	c, err := Decode("call", []byte(`{"value":["601","602"],"say":"Fire.\nPress one.","play":"gong.wav","voice":"de","ack":"1d","attempts":"3","ring":25,"together":true,"pause":5.5,"wait":4,"repeat":2}`))
	if err != nil {
		t.Fatal(err)
	}
	a, ok := c.Announcement()
	if want := (Announcement{Say: "Fire.\nPress one.", Play: "gong.wav", Voice: "de", Ack: "1D", Attempts: 3, Ring: 25, Pause: 5.5, Wait: 4, Repeat: 2, Together: true}); !ok || a != want {
		t.Errorf("%+v", a)
	}
	for _, payload := range []string{"601", `{"value":"601"}`, `{"value":"601","ring":25}`, `{"value":"601","say":null}`, `{"value":["601"],"ring":5}`} {
		c, err := Decode("call", []byte(payload))
		if _, ok := c.Announcement(); ok || err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
	for _, payload := range []string{`{"value":"601","say":"x","ack":""}`, `{"value":601,"say":5,"ack":1}`} {
		c, err := Decode("call", []byte(payload))
		if _, ok := c.Announcement(); !ok || err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestAnnouncementIsRefused(t *testing.T) {
	for options, word := range map[string]string{
		`"ack":"1"`:    "ack needs say",
		`"attempts":3`: "attempts needs say",
		`"together":1`: "together needs say",
		`"say":"  "`:   "say must be a text",
		`"say":[1]`:    "say must be a text",
		`"say":"..."`:  "nothing that can be spoken",
		`"say":"` + strings.Repeat("a", 4097) + `"`: "at most 4096",
		`"play":"../x"`:       "play needs the name",
		`"play":"/x"`:         "play needs the name",
		`"play":{}`:           "play must be a text",
		`"say":"x","ack":"E"`: "ack must be",
		`"say":"x","ack":{}`:  "ack must be",
		`"say":"x","ack":"` + strings.Repeat("1", 17) + `"`: "ack must be",
		`"say":"x","attempts":0`:                            "attempts must be",
		`"say":"x","attempts":1.5`:                          "attempts must be",
		`"say":"x","repeat":101`:                            "repeat must be",
		`"say":"x","ring":0.5`:                              "ring must be",
		`"ring":301`:                                        "ring must be",
		`"say":"x","wait":"NaN"`:                            "wait must be",
		`"say":"x","pause":-1`:                              "pause must be",
		`"say":"x","together":"both"`:                       "together must be",
		`"say":"x","voice":"a\r\nb"`:                        "control character",
	} {
		_, err := Decode("call", []byte(`{"value":"601",`+options+`}`))
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%.60s: %v", options, err)
		}
	}
	for name, payload := range map[string]string{
		"call":         `{"value":"answer","say":"x"}`,
		"calls/2/call": `{"value":"601","say":"x"}`,
	} {
		if _, err := Decode(name, []byte(payload)); err == nil {
			t.Errorf("%s %s was accepted", name, payload)
		}
	}
}
