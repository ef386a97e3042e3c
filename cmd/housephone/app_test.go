package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func optionsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "options.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOptions(t *testing.T) {
	path := optionsFile(t, `{"sip_server":"fritz.box","sip_user":"620","sip_port":5080,"phone_autoanswer":true,"sip_password":"",
		"hw_door":null,"environment":["SIP_DISPLAY_NAME=Front = door","HW_DOOR_PULSE=5s"]}`)
	cfg, err := configure(map[string]string{"OPTIONS_FILE": path, "SIP_USER": "image", "LOG_LEVEL": "debug"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.SIP.Server != "fritz.box" || cfg.SIP.User != "620" || cfg.SIP.Port != 5080 || !bool(cfg.Phone.AutoAnswer) ||
		cfg.SIP.DisplayName != "Front = door" || cfg.LogLevel != "debug" {
		t.Errorf("%+v", cfg)
	}
}

// A wrong options file stops the start with one line that names it, and status 78.
func TestBadOptions(t *testing.T) {
	for text, say := range map[string]string{
		``:                              "not the JSON object",
		`{`:                             "not the JSON object",
		`[]`:                            "not the JSON object",
		`{} {}`:                         "more than one",
		`{"sip_servr":"x"}`:             "there is no variable SIP_SERVR",
		`{"sip_server":["x"]}`:          "sip_server: want a text",
		`{"environment":"A=b"}`:         "want a list",
		`{"environment":["LOG_LEVEL"]}`: "want NAME=value",
		`{"environment":["PATH=/"]}`:    "there is no variable PATH",
		`{"options_file":"/x"}`:         "there is no variable OPTIONS_FILE",
		`{"environment":[7]}`:           "want NAME=value",
		`{"phone_mode":"` + strings.Repeat("x", maxOptions) + `"}`: "larger than 64 KiB",
		`{"phone_mode":"loud"}`: `PHONE_MODE="loud": want one of phone, ivr`,
	} {
		var out, errs bytes.Buffer
		code := run([]string{"-check"}, map[string]string{"OPTIONS_FILE": optionsFile(t, text)}, &out, &errs)
		if code != exitConfig || !strings.Contains(errs.String(), say) || strings.Count(errs.String(), "\n") != 1 || out.Len() > 0 {
			t.Errorf("%.60s: status %d: %q, want one line with %q", text, code, errs.String(), say)
		}
	}
	var out, errs bytes.Buffer
	for _, entry := range []string{`"SIP_PASSWORD: s3cret"`, `{"SIP_PASSWORD":"s3cret"}`, `["s3cret"]`} {
		_ = run([]string{"-check"}, map[string]string{"OPTIONS_FILE": optionsFile(t, `{"environment":["LOG_LEVEL=info",`+entry+`]}`)}, &out, &errs)
	}
	if strings.Contains(errs.String(), "s3cret") || strings.Count(errs.String(), "environment: want NAME=value in entry 2") != 3 {
		t.Errorf("what may be a secret is told: %s", &errs)
	}
	if code := run([]string{"-check"}, map[string]string{"OPTIONS_FILE": "/does/not/exist"}, &out, &errs); code != exitConfig {
		t.Errorf("no file: status %d: %s", code, &errs)
	}
}

func TestAskSupervisor(t *testing.T) {
	answers := []string{`503 not yet`, `200 {"result":"ok","data":{"host":"core-mosquitto","port":1883,"ssl":false,"username":"addons","password":"secret"}}`}
	var token string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("Authorization")
		var status int
		_, _ = fmt.Sscan(answers[0], &status)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answers[0][4:]))
		if len(answers) > 1 {
			answers = answers[1:]
		}
	}))
	defer server.Close()
	ask := func(c config) (config, bool, error) {
		c.App = appEnv{Supervisor: server.URL, token: "abc"}
		found, err := askSupervisor(context.Background(), &c)
		return c, found, err
	}
	c, found, err := ask(config{})
	if err != nil || !found || token != "Bearer abc" || c.MQTT.URL != "mqtt://core-mosquitto:1883" || c.MQTT.Username != "addons" || c.MQTT.Password != "secret" {
		t.Errorf("%v %v %q %+v", found, err, token, c.MQTT)
	}
	answers = []string{`400 {"result":"error","message":"Service not enabled"}`}
	if c, found, err = ask(config{}); err != nil || found || c.MQTT.URL != "" {
		t.Errorf("no broker: %v %v %+v", found, err, c.MQTT)
	}
	// one that was set is not asked for
	if c, found, err = ask(config{MQTT: mqttEnv{URL: "mqtt://mine"}}); err != nil || found || c.MQTT.URL != "mqtt://mine" {
		t.Errorf("own broker: %v %v %+v", found, err, c.MQTT)
	}
	answers = []string{`403 {"result":"error","message":"forbidden"}`}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := askSupervisor(ctx, &config{App: appEnv{Supervisor: server.URL, token: "abc"}}); err == nil {
		t.Error("no error when the time is over")
	}
}
