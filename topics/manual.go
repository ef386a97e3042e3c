package topics

import (
	_ "embed" // the prose of the manual
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Text is the table of datapoints for a terminal, aligned.
func Text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "DATAPOINT\tKIND\tPUBLISHED\t/SET ACCEPTS")
	for _, d := range Table() {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Name, d.Kind, orDash(plain(d.Published)), orDash(plain(d.Accepted)))
	}
	_ = w.Flush() // a strings.Builder takes everything, so none of these can fail
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
	b.WriteString(those(func(d Datapoint) bool { return d.PerCall }))
	b.WriteString(".\n\nWhile the broker is away up to 1000 events wait for it, each for a minute, since a bell must not ring late. " +
		"These are records and wait for a day, up to 1000 too: ")
	b.WriteString(those(func(d Datapoint) bool { return d.Record }))
	b.WriteString(".\nWhat waits comes after the states, in its order. It does not outlive the service.\n")
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

// those lists the datapoints of which something is true.
func those(of func(Datapoint) bool) string {
	var list []string
	for _, d := range Table() {
		if of(d) {
			list = append(list, "`"+d.Name+"`")
		}
	}
	return strings.Join(list, ", ")
}

// The prose around the table.
//
//go:embed manual_head.md
var manualHead string

//go:embed manual_commands.md
var manualCommands string

// sample shows a document in the manual.
type sample struct {
	datapoint, about string
	document         any
}

func samples() []sample {
	started := time.Date(2026, 3, 1, 17, 20, 5, 250e6, time.UTC)
	remote := Remote{URI: "sip:601@pbx.local", User: "601", Name: "Kitchen"}
	quality := Quality{Codec: "PCMA", Loss: 0.4, JitterMS: 3.2, RTTMS: 11, MOS: 4.36, Remote: &RemoteQuality{Loss: 0.8, JitterMS: 2.5, MOS: 4.3}}
	return []sample{
		{"call/info", "`direction` is `incoming` or `outgoing`; `{}` when idle", CallInfo{ID: "3f2a", Direction: Incoming, Remote: remote,
			Local: "phone", Status: StatusActive, Started: At(started), Answered: At(started.Add(4 * time.Second)), Codec: "PCMA"}},
		{"call/quality", "`loss` in per cent, `mos` from 1 to 4.5; `remote` is how the far end hears us, once it has told; `{}` when idle", quality},
		{"call/ended", "`cause` is one of `" + strings.Join(Causes(), "`, `") + "`; `by` is `local` or `remote`; `duration_s` counts from the answer",
			CallEnded{ID: "3f2a", Direction: Incoming, Remote: remote, Local: "phone", Started: At(started),
				Answered: At(started.Add(4 * time.Second)), Ended: At(started.Add(64 * time.Second)), Duration: 60,
				Cause: CauseCompleted, By: ByRemote, Quality: quality}},
		{"call/ended", "the outcome of an announcement or alarm call; `acknowledged_by` is empty when it was nobody", AnnouncementEnded{
			CallEnded: CallEnded{ID: "fire-1", Direction: Outgoing, Remote: Remote{URI: "sip:602@pbx.local", User: "602"}, Local: "phone",
				Started: At(started), Ended: At(started.Add(48 * time.Second)), Duration: 48, Cause: CauseCompleted, By: ByRemote, Reason: "acknowledged by 602"},
			AcknowledgedBy: "602", Calls: []AnnouncementCall{{To: "601", Round: 1, Cause: CauseNoAnswer}, {To: "602", Round: 1, Answered: true}}}},
		{"registration/info", "`state` is `registered`, `registering`, `failed`, `unregistered` or `standalone`",
			RegistrationInfo{Registrar: "sip:pbx.local", AOR: "sip:phone@pbx.local", State: "failed", Code: 403, Reason: "Forbidden",
				Hint: "the server refuses user or password; check SIP_USER and SIP_PASSWORD", Since: At(started)}},
		{"dtmf/collected", "`reason` is `terminator`, `max` or `timeout`", DTMFCollected{Digits: "1234", Reason: CollectTerminator}},
		{"message", "received", SIPMessage{From: "601", Body: "dinner is ready"}},
		{"message/voice", "a message was left", VoiceMessage{File: "voice/20260301-172005.wav", Seconds: 12.4, From: "601"}},
		{"message/list", "all voice messages", VoiceList{[]VoiceEntry{{File: "voice/20260301-172005.wav", From: "601", Name: "Kitchen", At: At(started), Seconds: 12.4}}}},
		{"door/event", "`event` is `opened` or `refused`, `how` is `topic`, `dtmf` or `message`", DoorEvent{Event: DoorOpened, By: "anna", How: HowDTMF}},
		{"exec", "`exit` is -1 when the command did not start or was ended", ExecResult{Command: "uptime", Stdout: "up 3 days\n", Duration: 4.1}},
		{"pbx/event", "`fields` holds the rest of the event as the switch sent it", PBXEvent{Event: "CHANNEL_ANSWER",
			Channel: "sofia/internal/601", Caller: "601", Callee: "602", State: "ACTIVE"}},
		{"bridge/info", "", BridgeInfo{Version: "1.0.0", Started: At(started), Features: []string{"door", "doorbell", "phone"}, IDs: []string{"phone"}}},
		{"bridge/log", "`level` is `warning` or `error`", LogLine{Time: At(started), Level: LevelWarning, Msg: "registrar does not answer",
			Attrs: map[string]any{"registrar": "pbx.local"}}},
	}
}
