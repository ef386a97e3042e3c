package speech

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"housephone/phone/audio"
)

// HomeAssistant speaks with a text-to-speech engine of Home Assistant: POST
// /api/tts_get_url gives the address of a sound file, WAV or MP3.
// Voices are a language ("de", "de-AT"), or what the engine takes as its option voice.
type HomeAssistant struct {
	base             *url.URL
	engine, language string
	token            string
	mp3              Decoder
	client           *http.Client
}

var _ Engine = (*HomeAssistant)(nil)

// Decoder decodes a sound file to mono samples and their rate in Hz; it gives up
// with an error when there are more than limit seconds.
type Decoder func(r io.Reader, limit int) (pcm []int16, rate int, err error)

// ErrHomeAssistant means an address that is not one of Home Assistant with an engine.
var ErrHomeAssistant = errors.New("want http://host:8123?engine_id=tts.name, with &language=de where the engine needs one")

// NewHomeAssistant makes an engine of an address such as
// http://homeassistant.local:8123?engine_id=tts.piper&language=de and a long-lived
// access token. mp3 decodes MP3 files. It does not connect.
func NewHomeAssistant(address, token string, mp3 Decoder) (*HomeAssistant, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, ErrHomeAssistant
	}
	q := u.Query()
	h := &HomeAssistant{engine: q.Get("engine_id"), language: q.Get("language"), token: token, mp3: mp3, client: &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
	}}
	q.Del("engine_id")
	q.Del("language")
	if h.engine == "" || len(q) > 0 {
		return nil, ErrHomeAssistant
	}
	h.base = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/")}
	return h, nil
}

// Name is the address with the engine and its language.
func (h *HomeAssistant) Name() string {
	return strings.TrimSpace(h.base.String() + " " + h.engine + " " + h.language)
}

// Voices is empty: the REST API does not tell them.
func (h *HomeAssistant) Voices(context.Context) ([]string, error) { return nil, nil }

// maxAnswer bounds the answer that holds the address.
const maxAnswer = 64 << 10

// Speak asks for the address and fetches the sound.
func (h *HomeAssistant) Speak(ctx context.Context, text, voice string) (Sound, error) {
	path, err := h.ask(ctx, text, voice)
	if err != nil {
		return Sound{}, err
	}
	body, err := h.do(ctx, http.MethodGet, path, nil, maxOutput)
	if err != nil {
		return Sound{}, err
	}
	return h.decode(body)
}

// haRequest is what Home Assistant is asked for.
type haRequest struct {
	Engine   string            `json:"engine_id"`
	Message  string            `json:"message"`
	Language string            `json:"language,omitempty"`
	Options  map[string]string `json:"options,omitempty"`
}

// ask returns the path of the sound. The address that comes with it may be one that only others can reach.
func (h *HomeAssistant) ask(ctx context.Context, text, voice string) (path string, err error) {
	r := haRequest{Engine: h.engine, Message: text, Language: h.language}
	switch {
	case voice == DefaultVoice:
	case isLanguage(voice):
		r.Language = voice
	default:
		r.Options = map[string]string{"voice": voice}
	}
	question, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	body, err := h.do(ctx, http.MethodPost, "/api/tts_get_url", question, maxAnswer)
	var status *statusError
	if errors.As(err, &status) && status.code == http.StatusBadRequest && voice != DefaultVoice {
		return "", fmt.Errorf("%.80q: %w", voice, ErrVoice)
	}
	if err != nil {
		return "", err
	}
	var answer struct {
		Path string `json:"path"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || !strings.HasPrefix(answer.Path, "/") {
		return "", errors.New("the answer holds no path of a sound")
	}
	return answer.Path, nil
}

// isLanguage knows "de", "de-AT" and "de_AT".
func isLanguage(voice string) bool {
	letters := func(s string, n int) bool {
		return len(s) == n && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz") == ""
	}
	return letters(voice, 2) || len(voice) == 5 && letters(voice[:2], 2) && (voice[2] == '-' || voice[2] == '_') && letters(voice[3:], 2)
}

// statusError is an answer that is not 200.
type statusError struct {
	code int
	said string
}

func (e *statusError) Error() string {
	if e.code == http.StatusUnauthorized {
		return "it does not accept the token (401); check TTS_TOKEN"
	}
	return strings.TrimSpace(fmt.Sprintf("it answers %d %s %.200s", e.code, http.StatusText(e.code), e.said))
}

// do sends a request below the base and reads at most limit bytes of the answer. The
// token goes with the question alone: the address of a sound is enough to have it.
func (h *HomeAssistant) do(ctx context.Context, method, path string, body []byte, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, h.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	res, err := h.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, &statusError{res.StatusCode, strings.Join(strings.Fields(strings.ToValidUTF8(string(data[:min(len(data), 200)]), "?")), " ")}
	case err != nil:
		return nil, withoutURL(err)
	case int64(len(data)) > limit:
		return nil, ErrTooLong
	}
	return data, nil
}

// withoutURL leaves the address of the sound out of a message: it is as good as a key.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// decode reads what the first bytes tell.
func (h *HomeAssistant) decode(body []byte) (sound Sound, err error) {
	switch {
	case len(body) == 0:
		return Sound{}, errors.New("the sound is empty")
	case bytes.HasPrefix(body, []byte("RIFF")):
		sound.PCM, sound.Rate, err = audio.ReadWAV(bytes.NewReader(body))
	case h.mp3 != nil:
		sound.PCM, sound.Rate, err = h.mp3(bufio.NewReader(bytes.NewReader(body)), maxSeconds)
	default:
		err = errors.New("neither WAV nor MP3")
	}
	if err != nil {
		return Sound{}, fmt.Errorf("sound: %w", err)
	}
	return sound, nil
}
