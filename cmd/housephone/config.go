package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"housephone/phone/stun"
	"housephone/topics"
)

// config is the environment. It is the only struct with env tags; -h prints it.
type config struct {
	ID        string `env:"HOUSEPHONE_ID" envDefault:"phone" doc:"name of this phone in topics and, without SIP_USER, its SIP user"`
	Name      string `env:"HOUSEPHONE_NAME" doc:"friendly name in Home Assistant (default: made from the ID)"`
	Lang      string `env:"HOUSEPHONE_LANG" envDefault:"en" doc:"language of the entity names: en, de, fr, it, es, nl" allowed:"en,de,fr,it,es,nl"`
	LogLevel  string `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn, error" allowed:"debug,info,warn,error"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"text" doc:"text, json" allowed:"text,json"`
	StateDir  string `env:"STATE_DIR" doc:"folder in which volume, autoanswer and dnd survive a restart (default: they do not)"`
	MQTT      mqttEnv
	SIP       sipEnv
	Phone     phoneEnv
	Audio     audioEnv
	HTTP      string `env:"HTTP_LISTEN" envDefault:":8080" doc:"address of /healthz, /readyz and /metrics; none = off"`
	IVR       ivrEnv
	Record    recordEnv
	Mailbox   mailboxEnv
	HW        hwEnv
	Exec      execEnv
	Switch    switchEnv
	Pair      pairEnv
	App       appEnv
}

type mqttEnv struct {
	URL          string `env:"MQTT_URL" doc:"broker: mqtt://, mqtts://, ws:// or wss://; empty = the embedded one"`
	Listen       string `env:"MQTT_LISTEN" envDefault:"127.0.0.1:1883" doc:"address of the embedded broker; others than loopback need credentials"`
	Username     string `env:"MQTT_USERNAME" doc:"for the broker; guards the embedded one"`
	Password     string `env:"MQTT_PASSWORD" doc:"for the broker; guards the embedded one" secret:"true"`
	PasswordFile string `env:"MQTT_PASSWORD_FILE" doc:"file that holds MQTT_PASSWORD"`
	CAFile       string `env:"MQTT_CA_FILE" doc:"PEM file of the authority that signed the broker's certificate"`
	CertFile     string `env:"MQTT_CERT_FILE" doc:"PEM file of our certificate"`
	KeyFile      string `env:"MQTT_KEY_FILE" doc:"PEM file of its key"`
	ClientID     string `env:"MQTT_CLIENT_ID" doc:"MQTT client id (default: housephone-<id>)"`
	Prefix       string `env:"MQTT_TOPIC_PREFIX" envDefault:"housephone" doc:"first level of the topics"`
	Discovery    string `env:"MQTT_DISCOVERY_PREFIX" envDefault:"homeassistant" doc:"prefix of Home Assistant's discovery; none = off"`
}

type sipEnv struct {
	Server       string   `env:"SIP_SERVER" doc:"registrar: host name or address; empty = stand-alone"`
	Port         int      `env:"SIP_PORT" doc:"its port (default: by DNS, else 5060, with TLS 5061)"`
	User         string   `env:"SIP_USER" doc:"user name of the account"`
	AuthUser     string   `env:"SIP_AUTH_USER" doc:"user name for authentication where it differs"`
	Password     string   `env:"SIP_PASSWORD" doc:"password of the account" secret:"true"`
	PasswordFile string   `env:"SIP_PASSWORD_FILE" doc:"file that holds SIP_PASSWORD"`
	DisplayName  string   `env:"SIP_DISPLAY_NAME" doc:"name shown to who is called"`
	Transport    string   `env:"SIP_TRANSPORT" envDefault:"udp" doc:"udp, tcp, tls" allowed:"udp,tcp,tls"`
	Proxy        string   `env:"SIP_OUTBOUND_PROXY" doc:"host[:port] that all requests go through"`
	Expires      duration `env:"SIP_EXPIRES" envDefault:"300" doc:"seconds a registration is asked for"`
	Listen       string   `env:"SIP_LISTEN" envDefault:"0.0.0.0:5060" doc:"address of the SIP socket, UDP and TCP"`
	Advertise    string   `env:"SIP_ADVERTISE" doc:"address[:port] to tell others instead of the local one, for containers"`
	STUN         string   `env:"SIP_STUN" doc:"host[:3478] of a STUN server that tells our address behind a router; SIP_ADVERTISE wins over it"`
	TLSCAFile    string   `env:"SIP_TLS_CA_FILE" doc:"PEM file of the authority that signed the server's certificate"`
	TLSPin       pins     `env:"SIP_TLS_PIN" doc:"sha256//BASE64 (or hex) of the public key that the server's certificate must have, several separated by commas; without SIP_TLS_CA_FILE that is enough, so it also trusts a self-signed certificate"`
	TLSInsecure  boolean  `env:"SIP_TLS_INSECURE" envDefault:"0" doc:"1 = do not verify the server's certificate"`
	SRTP         string   `env:"SIP_SRTP" envDefault:"off" doc:"encryption of sound by SDES keys, wants SIP_TRANSPORT=tls: off, optional, required" allowed:"off,optional,required"`
	RTPPorts     ports    `env:"SIP_RTP_PORTS" envDefault:"16384-16484" doc:"UDP ports of sound"`
	AllowFrom    prefixes `env:"SIP_ALLOW_FROM" doc:"who may ring: addresses and CIDRs, separated by commas (default: the server, or anyone in stand-alone)"`
	AllowTo      patterns `env:"SIP_ALLOW_TO" doc:"what may be dialled: patterns such as 6??, +39*, *@pbx, separated by commas (default: everything)"`
	AllowAbroad  boolean  `env:"SIP_ALLOW_INTERNATIONAL" envDefault:"1" doc:"0 = numbers that begin with + or 00 only by a pattern of SIP_ALLOW_TO that does so too"`
	CallHours    hours    `env:"SIP_CALL_HOURS" doc:"when calls may be placed, local time, such as 06:00-22:30 (default: always)"`
	CallsPerHour int      `env:"SIP_CALLS_PER_HOUR" envDefault:"0" doc:"calls that may be placed within an hour; 0 = any number"`
	AlwaysTo     patterns `env:"SIP_ALWAYS_TO" envDefault:"110,112,911,999" doc:"what may be dialled in spite of SIP_CALL_HOURS and SIP_CALLS_PER_HOUR: patterns"`
	AllowRefer   boolean  `env:"SIP_ALLOW_REFER" envDefault:"0" doc:"1 = the far end may transfer us to what SIP_ALLOW_TO allows"`
}

type phoneEnv struct {
	Mode            string   `env:"PHONE_MODE" envDefault:"phone" doc:"phone, ivr" allowed:"phone,ivr"`
	AutoAnswer      boolean  `env:"PHONE_AUTOANSWER" envDefault:"0" doc:"1 = answer calls by itself"`
	AutoAnswerDelay duration `env:"PHONE_AUTOANSWER_DELAY" envDefault:"0" doc:"seconds to ring before that"`
	AutoAnswerFrom  patterns `env:"PHONE_AUTOANSWER_FROM" doc:"callers whose auto-answer headers are obeyed: patterns, separated by commas (default: nobody)"`
	RingTimeout     duration `env:"PHONE_RING_TIMEOUT" envDefault:"60s" doc:"how long a call rings, in or out"`
	MaxCalls        int      `env:"PHONE_MAX_CALLS" envDefault:"1" doc:"calls at a time"`
	MaxDuration     duration `env:"PHONE_MAX_CALL_DURATION" envDefault:"0" doc:"longest call; 0 = no limit"`
	MediaTimeout    duration `env:"PHONE_MEDIA_TIMEOUT" envDefault:"120s" doc:"a call without any sound packet for that long ends"`
	Codecs          codecs   `env:"PHONE_CODECS" envDefault:"g722,pcma,pcmu" doc:"codecs in order of preference: g722, pcma, pcmu, opus, l16"`
	DTMF            string   `env:"PHONE_DTMF" envDefault:"rfc4733" doc:"how keys are sent: rfc4733 (INFO where the far end has no telephone-event), info, inband" allowed:"rfc4733,info,inband"`
	ToneDuration    duration `env:"PHONE_DTMF_DURATION" envDefault:"160ms" doc:"length of a sent key"`
	ToneGap         duration `env:"PHONE_DTMF_GAP" envDefault:"100ms" doc:"pause between sent keys"`
	EarlyMedia      boolean  `env:"PHONE_EARLY_MEDIA" envDefault:"0" doc:"1 = open the sound path to the caller while it rings (183)"`
	Volume          volume   `env:"PHONE_VOLUME" envDefault:"20" doc:"volume at the first start: off, 1 to 20"`
}

// load reads the environment. Its error is one line a value, each naming the
// variable, the value and what is allowed.
func load(environ map[string]string) (config, error) {
	var c config
	err := env.ParseWithOptions(&c, env.Options{Environment: environ})
	if err != nil {
		return c, explain(err, environ)
	}
	sound := "default"
	if c.Phone.Mode == topics.ModeIVR {
		sound = "none"
	}
	for _, d := range []*string{&c.Audio.Capture, &c.Audio.Playback} {
		if *d == "" {
			*d = sound
		}
	}
	c.Mailbox.decide(c.Phone.Mode, c.Record.Dir)
	return c, errors.Join(c.checkWords(environ), c.check(), c.readSecrets(environ), c.checkHouse())
}

// explain turns the library's errors into ours.
func explain(err error, environ map[string]string) error {
	names := map[string]string{}
	walk(reflect.TypeFor[config](), func(f reflect.StructField) { names[f.Name+"/"+f.Type.String()] = f.Tag.Get("env") })
	var agg env.AggregateError
	if !errors.As(err, &agg) {
		return err
	}
	var out []error
	for _, e := range agg.Errors {
		var pe env.ParseError
		if !errors.As(e, &pe) {
			out = append(out, e)
			continue
		}
		name := names[pe.Name+"/"+pe.Type.String()]
		want := pe.Err.Error()
		if pe.Type == reflect.TypeFor[int]() {
			want = "want a whole number"
		}
		out = append(out, fmt.Errorf("%s=%q: %s", name, environ[name], want))
	}
	return errors.Join(out...)
}

// walk visits every variable.
func walk(t reflect.Type, f func(reflect.StructField)) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Tag.Get("env") != "" {
			f(field)
		} else if field.Type.Kind() == reflect.Struct {
			walk(field.Type, f)
		}
	}
}

// checkWords refuses words that are not in the closed list of a variable.
func (c *config) checkWords(environ map[string]string) error {
	var out []error
	walk(reflect.TypeFor[config](), func(f reflect.StructField) {
		name, allowed := f.Tag.Get("env"), f.Tag.Get("allowed")
		v := environ[name]
		if allowed == "" || v == "" {
			return
		}
		for w := range strings.SplitSeq(allowed, ",") {
			if v == w {
				return
			}
		}
		out = append(out, fmt.Errorf("%s=%q: want one of %s", name, v, strings.ReplaceAll(allowed, ",", ", ")))
	})
	return errors.Join(out...)
}

// check refuses what only makes no sense together.
func (c *config) check() error {
	bad := func(name, value, want string) error { return fmt.Errorf("%s=%q: %s", name, value, want) }
	var out []error
	if c.SIP.Server != "" && c.SIP.User == "" {
		out = append(out, bad("SIP_USER", "", "SIP_SERVER is set, so the account's user name is needed"))
	}
	if c.SIP.Port < 0 || c.SIP.Port > 65535 {
		out = append(out, bad("SIP_PORT", fmt.Sprint(c.SIP.Port), "want 1 to 65535"))
	}
	if c.SIP.STUN != "" {
		if _, _, err := stun.ParseServer(c.SIP.STUN); err != nil {
			out = append(out, bad("SIP_STUN", c.SIP.STUN, err.Error()))
		}
	}
	if c.SIP.CallsPerHour < 0 {
		out = append(out, bad("SIP_CALLS_PER_HOUR", fmt.Sprint(c.SIP.CallsPerHour), "want 0 or more"))
	}
	if c.Phone.MaxCalls < 1 || c.Phone.MaxCalls > 10000 {
		out = append(out, bad("PHONE_MAX_CALLS", fmt.Sprint(c.Phone.MaxCalls), "want 1 to 10000"))
	}
	if d := time.Duration(c.SIP.Expires); d < 30*time.Second || d > 24*time.Hour {
		out = append(out, bad("SIP_EXPIRES", d.String(), "want 30 seconds to 24 hours"))
	}
	for _, a := range []struct{ name, value, off string }{
		{"SIP_LISTEN", c.SIP.Listen, noSIP}, {"MQTT_LISTEN", c.MQTT.Listen, ""}, {"HTTP_LISTEN", c.HTTP, "none"},
	} {
		if _, port, err := net.SplitHostPort(a.value); a.value != a.off && (err != nil || !isPort(port)) {
			out = append(out, bad(a.name, a.value, "want address:port, such as 0.0.0.0:5060"))
		}
	}
	for _, f := range []struct{ name, path string }{
		{"MQTT_CA_FILE", c.MQTT.CAFile}, {"MQTT_CERT_FILE", c.MQTT.CertFile}, {"MQTT_KEY_FILE", c.MQTT.KeyFile},
	} {
		if f.path == "" {
			continue
		}
		if _, err := os.ReadFile(f.path); err != nil {
			out = append(out, fmt.Errorf("%s=%q: %w", f.name, f.path, err))
		}
	}
	out = append(out, c.checkNames()...)
	out = append(out, c.checkPair())
	return errors.Join(out...)
}

// checkNames refuses what cannot be the beginning of topics.
func (c *config) checkNames() (out []error) {
	for _, n := range []struct {
		name, value string
		tree        topics.Tree
	}{
		{"HOUSEPHONE_ID", c.ID, topics.Tree{ID: c.ID}},
		{"MQTT_TOPIC_PREFIX", c.MQTT.Prefix, topics.Tree{Prefix: c.MQTT.Prefix}},
	} {
		var want string
		switch err := n.tree.Validate(); {
		case strings.ContainsAny(n.value, "+#\x00\r\n ") || strings.Trim(n.value, "/") != n.value:
			want = "want text without +, #, spaces and outer slashes"
		case strings.Contains(n.tree.ID, "/"):
			want = "want one topic level, without a slash"
		case err != nil:
			want = err.Error()
		default:
			continue
		}
		out = append(out, fmt.Errorf("%s=%q: %s", n.name, n.value, want))
	}
	return out
}

// isPort tells whether text is a port number; 0 lets the system choose.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}
