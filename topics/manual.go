package topics

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Text is the table of datapoints for a terminal, aligned.
func Text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DATAPOINT\tKIND\tPUBLISHED\t/SET ACCEPTS")
	for _, d := range Table() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Name, d.Kind, orDash(plain(d.Published)), orDash(plain(d.Accepted)))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Markdown is the manual page of the topics.
func Markdown() string {
	var b strings.Builder
	b.WriteString(manualHead)
	b.WriteString("| datapoint | kind | published | `/set` accepts | needs |\n|---|---|---|---|---|\n")
	for _, d := range Table() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Name, d.Kind, cell(d.Published), cell(d.Accepted), cell(string(d.Feature)))
	}
	b.WriteString("\nWith several calls at a time, call number n also has these below `<base>/calls/<n>/`: ")
	b.WriteString(perCall())
	b.WriteString(".\n")
	b.WriteString(manualCommands)
	b.WriteString("\n## JSON documents\n\nTimes are RFC 3339 in UTC, lengths are seconds unless the name says otherwise.\n" +
		"What is not known is left out.\n")
	for _, s := range samples() {
		payload, err := encode(s.document)
		if err != nil {
			payload = []byte(err.Error())
		}
		fmt.Fprintf(&b, "\n`%s`: %s\n\n```json\n%s\n```\n", s.datapoint, s.about, payload)
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func perCall() string {
	var list []string
	for _, d := range Table() {
		if d.PerCall {
			list = append(list, "`"+d.Name+"`")
		}
	}
	return strings.Join(list, ", ")
}

const manualHead = `# Topics

Every datapoint lives below ` + "`<base>` = `<MQTT_TOPIC_PREFIX>/<HOUSEPHONE_ID>`, by default `housephone/phone`" + `.
This page is generated from the table that the service itself uses; ` + "`housephone topics`" + ` prints the same table.

- A **state** is retained and published again after every reconnect. An empty state is an empty message, which clears the topic.
- An **event** is not retained.
- A **command** goes to ` + "`<base>/<datapoint>/set`" + `. Every command gets one answer on ` + "`<base>/result`" + `.

All messages have QoS 1. Booleans are published as ` + "`0` and `1`; `on`, `off`, `true`, `false`" + ` are accepted too, in any case.

`

const manualCommands = `
## Commands

A command is plain text, or a JSON object when its first character is ` + "`{`" + `:

` + "```sh" + `
mosquitto_pub -t housephone/phone/call/set -m 601
mosquitto_pub -t housephone/phone/call/set -m '{"value": "601", "id": "kitchen-1"}'
mosquitto_pub -t housephone/phone/call/set -m '{"value": ["601", "602"]}'
mosquitto_pub -t housephone/phone/call/set -m answer
mosquitto_pub -t housephone/phone/dtmf/set -m '12,#'
mosquitto_pub -t housephone/phone/volume/set -m off
mosquitto_pub -t housephone/phone/play/voice/default/set -m 'The door is open'
mosquitto_pub -t housephone/phone/message/set -m '{"to": "601", "body": "hello"}'
mosquitto_sub -t housephone/phone/result
` + "```" + `

- ` + "`value` is the command, `id`" + ` comes back in the answer, other members are options of the datapoint.
- An ` + "`id`" + ` seen in the last 10 s is not carried out twice.
- A retained command is refused: a restart of the broker would send it again.
- At most 16 KiB, UTF-8. Control characters are refused in everything that reaches the telephone network.
- Text that itself starts with ` + "`{` has to be sent as `{\"value\": \"{...\"}`" + `.

### Answers

` + "```json" + `
{"id":"kitchen-1","datapoint":"call","value":"601","ok":true}
{"datapoint":"volume","value":"21","ok":false,"error":"volume must be off or a number from 1 to 20, not \"21\"","code":"invalid"}
` + "```" + `

| code | meaning |
|---|---|
| ` + "`invalid`" + ` | the command itself is wrong |
| ` + "`refused`" + ` | not now, or not for you |
| ` + "`busy`" + ` | here or at the far end |
| ` + "`unreachable`" + ` | nobody there, or no way to get there |
| ` + "`timeout`" + ` | no answer in time |
| ` + "`not_supported`" + ` | not built in, or not switched on |
| ` + "`failed`" + ` | anything else |

` + "`sip`" + ` is the SIP status where one was the cause. ` + "`ok`" + ` is true when the command has taken effect; for a call that is when the far
end rings. What happens to it later is told by ` + "`call/ended`" + `.

### Addresses

| written | called |
|---|---|
| ` + "`601`" + ` | ` + "`sip:601@SIP_SERVER`" + ` |
| ` + "`+39 02 123-456`" + ` | ` + "`sip:+3902123456@SIP_SERVER`" + `; spaces and ` + "`-./()`" + ` in numbers fall away |
| ` + "`*21#`" + ` | ` + "`sip:*21%23@SIP_SERVER`" + ` |
| ` + "`anna@example.org`" + ` | ` + "`sip:anna@example.org`" + ` |
| ` + "`192.168.1.20`, `192.168.1.20:5070`, `[fd00::5]:5070`" + ` | that host, with or without a server |
| ` + "`kitchen.local`" + ` | that host in stand-alone mode, else the user of that name at the server |
| ` + "`sip:...`, `sips:...`" + ` | as written |

Addresses are published the other way round: without ` + "`sip:`, and without `@host`" + ` where that is the server.
`

// sample shows a document in the manual.
type sample struct {
	datapoint, about string
	document         any
}

func samples() []sample {
	started := time.Date(2026, 3, 1, 17, 20, 5, 250e6, time.UTC)
	remote := Remote{URI: "sip:601@pbx.local", User: "601", Name: "Kitchen"}
	quality := Quality{Codec: "PCMA", Loss: 0.4, JitterMS: 3.2, RTTMS: 11, MOS: 4.36}
	return []sample{
		{"call/info", "`direction` is `incoming` or `outgoing`; `{}` when idle", CallInfo{ID: "3f2a", Direction: Incoming, Remote: remote,
			Local: "phone", Status: StatusActive, Started: At(started), Answered: At(started.Add(4 * time.Second)), Codec: "PCMA"}},
		{"call/quality", "`loss` in per cent, `mos` from 1 to 4.5; `{}` when idle", quality},
		{"call/ended", "`cause` is one of `" + strings.Join(Causes(), "`, `") + "`; `by` is `local` or `remote`; `duration_s` counts from the answer",
			CallEnded{ID: "3f2a", Direction: Incoming, Remote: remote, Local: "phone", Started: At(started),
				Answered: At(started.Add(4 * time.Second)), Ended: At(started.Add(64 * time.Second)), Duration: 60,
				Cause: CauseCompleted, By: ByRemote, Quality: quality}},
		{"registration/info", "`state` is `registered`, `registering`, `failed`, `unregistered` or `standalone`",
			RegistrationInfo{Registrar: "sip:pbx.local", AOR: "sip:phone@pbx.local", State: "failed", Code: 403, Reason: "Forbidden",
				Hint: "the server refuses user or password; check SIP_USER and SIP_PASSWORD", Since: At(started)}},
		{"dtmf/collected", "`reason` is `terminator`, `max` or `timeout`", DTMFCollected{Digits: "1234", Reason: CollectTerminator}},
		{"message", "received", SIPMessage{From: "601", Body: "dinner is ready"}},
		{"message/voice", "a message was left", VoiceMessage{File: "voice/20260301-172005.wav", Seconds: 12.4, From: "601"}},
		{"door/event", "`event` is `opened` or `refused`, `how` is `topic`, `dtmf` or `message`", DoorEvent{Event: DoorOpened, By: "anna", How: HowDTMF}},
		{"exec", "`exit` is -1 when the command did not start or was ended", ExecResult{Command: "uptime", Stdout: "up 3 days\n", Duration: 4.1}},
		{"pbx/event", "`fields` holds the rest of the event as the switch sent it", PBXEvent{Event: "CHANNEL_ANSWER",
			Channel: "sofia/internal/601", Caller: "601", Callee: "602", State: "ACTIVE"}},
		{"bridge/info", "", BridgeInfo{Version: "1.0.0", Started: At(started), Features: []string{"door", "doorbell", "phone"}, IDs: []string{"phone"}}},
		{"bridge/log", "`level` is `warning` or `error`", LogLine{Time: At(started), Level: LevelWarning, Msg: "registrar does not answer",
			Attrs: map[string]any{"registrar": "pbx.local"}}},
	}
}
