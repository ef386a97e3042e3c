package speech

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"housephone/phone/ivr/internal/wave"
)

// hass answers as Home Assistant does: the engine tts.demo speaks en and de with the
// voices anna and bob, for who has the token.
func hass(t *testing.T, sound http.HandlerFunc) (address string, asked *[]haRequest) {
	t.Helper()
	asked = new([]haRequest)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/tts_get_url", func(w http.ResponseWriter, r *http.Request) {
		var q haRequest
		body, _ := io.ReadAll(r.Body)
		err := json.Unmarshal(body, &q)
		*asked = append(*asked, q)
		switch voice := q.Options["voice"]; {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "401: Unauthorized")
		case err != nil || q.Engine != "tts.demo" || !slices.Contains([]string{"", "en", "de"}, q.Language) || !slices.Contains([]string{"", "anna", "bob"}, voice):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error": {}}`)
		default:
			_, _ = fmt.Fprint(w, `{"url": "http://homeassistant.invalid:8123/api/tts_proxy/abc.wav", "path": "/api/tts_proxy/abc.wav"}`)
		}
	})
	mux.HandleFunc("GET /api/tts_proxy/abc.wav", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went with the sound")
		}
		sound(w, r)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL, asked
}

func wav(w http.ResponseWriter, _ *http.Request) {
	_ = wave.Write(w, []int16{7, 8, 9}, 22050)
}

func TestHomeAssistant(t *testing.T) {
	address, asked := hass(t, wav)
	e, err := NewHomeAssistant(address+"/?engine_id=tts.demo&language=en", "secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	for voice, want := range map[string]haRequest{
		DefaultVoice: {Engine: "tts.demo", Message: "Hello", Language: "en"},
		"de":         {Engine: "tts.demo", Message: "Hello", Language: "de"},
		"anna":       {Engine: "tts.demo", Message: "Hello", Language: "en", Options: map[string]string{"voice": "anna"}},
	} {
		sound, err := e.Speak(t.Context(), "Hello", voice)
		if err != nil || sound.Rate != 22050 || !slices.Equal(sound.PCM, []int16{7, 8, 9}) {
			t.Errorf("%s: %v %v", voice, sound, err)
		}
		if got := (*asked)[len(*asked)-1]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: asked for %+v", voice, got)
		}
	}
	for _, voice := range []string{"fr", "eve"} {
		if _, err := e.Speak(t.Context(), "Hello", voice); !errors.Is(err, ErrVoice) {
			t.Errorf("%s: %v", voice, err)
		}
	}
	if !strings.Contains(e.Name(), "tts.demo en") || strings.Contains(e.Name(), "secret") {
		t.Error(e.Name())
	}
}

func TestHomeAssistantFails(t *testing.T) {
	for want, sound := range map[string]http.HandlerFunc{
		"500 Internal Server Error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"empty":                     func(http.ResponseWriter, *http.Request) {},
		"neither WAV nor MP3":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"sound:":                    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "RIFFxxxxWAVE") },
	} {
		address, _ := hass(t, sound)
		e, err := NewHomeAssistant(address+"?engine_id=tts.demo", "secret", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Speak(t.Context(), "Hello", DefaultVoice); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "abc.wav") {
			t.Errorf("%s: %v", want, err)
		}
	}
	address, _ := hass(t, wav)
	e, _ := NewHomeAssistant(address+"?engine_id=tts.demo", "wrong", nil)
	if _, err := e.Speak(t.Context(), "Hello", "anna"); err == nil || !strings.Contains(err.Error(), "TTS_TOKEN") {
		t.Error(err)
	}
	gone, _ := NewHomeAssistant("http://127.0.0.1:1?engine_id=tts.demo", "secret", nil)
	var told []string
	s := speaker(t, Config{Engines: []Engine{gone, &fake{name: "next", speak: says(3)}}, Failed: func(_ string, err error) { told = append(told, err.Error()) }})
	if got, err := speak(t, s, "Hello.", ""); err != nil || !slices.Equal(got, []int16{3}) || len(told) != 1 || !strings.Contains(told[0], "refused") {
		t.Errorf("%v %v told %v", got, err, told)
	}
}

func TestHomeAssistantAddress(t *testing.T) {
	for _, address := range []string{
		"", "http://host:8123", "http://host:8123?engine=tts.x", "ftp://host?engine_id=tts.x", "http://?engine_id=tts.x",
		"http://user:pass@host?engine_id=tts.x", "http://host?engine_id=tts.x&voice=y", "http://host?engine_id=tts.x#y", "http://[::1",
	} {
		if _, err := NewHomeAssistant(address, "", nil); !errors.Is(err, ErrHomeAssistant) {
			t.Errorf("%q: %v", address, err)
		}
	}
}
