package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestLoadDefaults(t *testing.T) {
	c, err := load(map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "phone" || c.MQTT.Listen != "127.0.0.1:1883" || c.MQTT.Prefix != "housephone" || c.HTTP != ":8080" ||
		c.SIP.Listen != "0.0.0.0:5060" || c.SIP.Transport != "udp" || time.Duration(c.SIP.Expires) != 5*time.Minute ||
		time.Duration(c.Phone.RingTimeout) != time.Minute || c.Phone.MaxCalls != 1 || c.SIP.RTPPorts != (ports{16384, 16484}) {
		t.Errorf("defaults: %+v", c)
	}
}

// Each wrong value is one line that names the variable, the value and what is allowed.
func TestLoadErrors(t *testing.T) {
	for _, tc := range []struct{ name, value, want string }{
		{"LOG_LEVEL", "loud", "debug, info, warn, error"},
		{"LOG_FORMAT", "xml", "text, json"},
		{"SIP_TRANSPORT", "sctp", "udp, tcp, tls"},
		{"SIP_PORT", "fifty", "whole number"},
		{"SIP_PORT", "70000", "1 to 65535"},
		{"SIP_EXPIRES", "5", "30 seconds to 24 hours"},
		{"SIP_EXPIRES", "soon", "seconds or a time"},
		{"SIP_RTP_PORTS", "20000", "FIRST-LAST"},
		{"SIP_RTP_PORTS", "20000-10000", "FIRST-LAST"},
		{"SIP_RTP_PORTS", "20000-20010x", "FIRST-LAST"},
		{"SIP_ALLOW_FROM", "192.168.1.0/99", "CIDRs"},
		{"SIP_ALLOW_TO", "[6", "patterns"},
		{"SIP_CALL_HOURS", "6-22", "06:00-22:30"},
		{"SIP_CALLS_PER_HOUR", "-1", "0 or more"},
		{"SIP_ALLOW_INTERNATIONAL", "maybe", "0 or 1"},
		{"SIP_STUN", "stun.example.com:x", "host:port"},
		{"RECORD_DIR", "/etc/hostname", "want a folder"},
		{"PAIR_MODE", "trio", "want one of off, kubernetes, mqtt"},
		{"SIP_LISTEN", "nowhere", "address:port"},
		{"HTTP_LISTEN", "127.0.0.1:http", "address:port"},
		{"MQTT_CA_FILE", "/does/not/exist", "no such file"},
		{"SIP_TLS_INSECURE", "maybe", "0 or 1"},
		{"SIP_TLS_PIN", "sha256//abc", "sha256//BASE64"},
		{"SIP_SERVER", "pbx.local", ""}, // names SIP_USER
		{"PHONE_MODE", "fax", "phone, ivr"},
		{"PHONE_AUTOANSWER", "2", "0 or 1"},
		{"PHONE_RING_TIMEOUT", "-3s", "seconds or a time"},
		{"PHONE_MAX_CALLS", "0", "1 to 10000"},
		{"PHONE_CODECS", "gsm", "pcm"},
		{"PHONE_DTMF", "morse", "rfc4733, info, inband"},
		{"PHONE_VOLUME", "21", "off or 1 to 20"},
		{"RECORD_MAX_AGE", "1d", "seconds or a time"},
		{"RECORD_MAX_LENGTH", "long", "seconds or a time"},
		{"HOUSEPHONE_ID", "a/b", "without a slash"},
		{"HOUSEPHONE_ID", "a+b", "without +"},
		{"MQTT_TOPIC_PREFIX", "a#", "without +"},
		{"MQTT_TOPIC_PREFIX", "$SYS", "starts with $"},
		{"MQTT_TOPIC_PREFIX", strings.Repeat("a", 201), "200 bytes"},
		{"SIP_PASSWORD_FILE", "/does/not/exist", "no such file"},
	} {
		t.Run(tc.name+"="+tc.value, func(t *testing.T) {
			_, err := load(map[string]string{tc.name: tc.value})
			if err == nil {
				t.Fatal("accepted")
			}
			text := err.Error()
			name := tc.name
			if name == "SIP_SERVER" {
				name = "SIP_USER"
			} else if !strings.Contains(text, `"`+tc.value+`"`) && !strings.HasPrefix(tc.value, "5") {
				t.Errorf("the value is not named: %s", text)
			}
			if !strings.HasPrefix(text, name+"=") || !strings.Contains(text, tc.want) || strings.Contains(text, "\n") {
				t.Errorf("%s", text)
			}
		})
	}
}

// The library tells the field of a wrong value without its struct.
func TestVariablesAreToldApart(t *testing.T) {
	names := map[string]string{}
	walk(reflect.TypeFor[config](), func(f reflect.StructField) {
		key, name := f.Name+" "+f.Type.String(), f.Tag.Get("env")
		if other := names[key]; other != "" && f.Type.Kind() != reflect.String {
			t.Errorf("a wrong %s could be told as %s: both are %s", name, other, key)
		}
		names[key] = name
	})
}

// Every secret has a twin that names a file, in the help too.
func TestSecretFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("4815162342\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	eachVariable(func(v variable) { listed[v.name] = true })
	var names []string
	eachSecret(reflect.ValueOf(&config{}).Elem(), func(name string, _ reflect.Value) { names = append(names, name) })
	if len(names) < 5 {
		t.Fatalf("secrets: %v", names)
	}
	for _, name := range names {
		c, err := load(map[string]string{name + "_FILE": path})
		if err != nil {
			t.Errorf("%s_FILE: %v", name, err)
		}
		eachSecret(reflect.ValueOf(&c).Elem(), func(n string, field reflect.Value) {
			if n == name && field.String() != "4815162342" {
				t.Errorf("%s is %q", n, field.String())
			}
		})
		if !listed[name+"_FILE"] {
			t.Errorf("%s_FILE is not in the help", name)
		}
		if _, err := load(map[string]string{name + "_FILE": path, name: "1234"}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s and its file together: %v", name, err)
		}
	}
}

func TestRunArguments(t *testing.T) {
	for _, tc := range []struct {
		args      []string
		env       map[string]string
		code      int
		out, errs string
	}{
		{[]string{"-h"}, nil, exitOK, "SIP_SERVER", ""},
		{[]string{"-version"}, nil, exitOK, "housephone ", ""},
		{[]string{"topics"}, nil, exitOK, "call/ended", ""},
		{[]string{"-check"}, nil, exitOK, "valid", ""},
		{[]string{"-check"}, map[string]string{"PHONE_MODE": "x"}, exitConfig, "", `PHONE_MODE="x"`},
		{[]string{"-check"}, map[string]string{"MQTT_URL": "http://u:secret@x"}, exitConfig, "", `MQTT_URL="http://u:xxxxx@x"`},
		{[]string{"-check"}, map[string]string{"AUDIO_CAPTURE": "tone:x"}, exitConfig, "", `AUDIO_CAPTURE="tone:x"`},
		{[]string{"-check"}, map[string]string{"SIP_TLS_CA_FILE": "/does/not/exist"}, exitConfig, "", "SIP_TLS_CA_FILE"},
		{[]string{"-check"}, map[string]string{"TTS_URL": "wyoming://x:1, http://u:secret@x:1?engine_id=a"}, exitConfig, "", `TTS_URL="http://u:xxxxx@x:1?engine_id=a": want`},
		{[]string{"-check"}, map[string]string{"TTS_URL": "wyoming://u:secret@x:1"}, exitConfig, "", `TTS_URL="wyoming://u:xxxxx@x:1": want`},
		{[]string{"-check"}, map[string]string{"PHONE_MODE": "ivr", "TTS_COMMAND": `say "`}, exitConfig, "", `TTS_COMMAND="say \""`},
		{[]string{"-check"}, map[string]string{"PHONE_MODE": "ivr", "MEDIA_DIR": "/does/not/exist"}, exitConfig, "", `MEDIA_DIR="/does/not/exist"`},
		{[]string{"-check"}, map[string]string{"RECORD_DIR": "/tmp", "MAILBOX": "1", "MAILBOX_GREETING": "hello {user}"}, exitConfig, "", `MAILBOX_GREETING="hello {user}"`},
		{[]string{"-check"}, map[string]string{"RECORD_DIR": "/tmp", "MAILBOX": "1", "MEDIA_DIR": ".", "MAILBOX_GREETING": "gone.wav"}, exitConfig, "", `MAILBOX_GREETING="gone.wav"`},
		{[]string{"-nonsense"}, nil, exitUsage, "", "nonsense"},
		{[]string{"dance"}, nil, exitUsage, "", "dance"},
		{nil, map[string]string{"SIP_LISTEN": "256.1.1.1:1"}, exitConfig, "", "SIP_LISTEN"},
		{nil, map[string]string{"MQTT_LISTEN": "0.0.0.0:0"}, exitConfig, "", "MQTT_LISTEN"},
	} {
		var out, errs bytes.Buffer
		code := run(tc.args, tc.env, &out, &errs)
		if code != tc.code || !strings.Contains(out.String(), tc.out) || !strings.Contains(errs.String(), tc.errs) {
			t.Errorf("%v %v: exit %d\n%s%s", tc.args, tc.env, code, out.String(), errs.String())
		}
	}
}

// A port that is taken stops the start with one line that names the variable.
func TestPortInUse(t *testing.T) {
	udp, tcp, err := sipSockets(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = udp.Close(), tcp.Close() }()
	var out, errs bytes.Buffer
	code := run(nil, map[string]string{
		"SIP_LISTEN": udp.LocalAddr().String(), "MQTT_LISTEN": "127.0.0.1:0", "HTTP_LISTEN": "none",
	}, &out, &errs)
	if code != exitConfig || !strings.Contains(errs.String(), "SIP_LISTEN=") || strings.Count(strings.TrimSpace(errs.String()), "\n") > 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}
