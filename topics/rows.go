package topics

import "slices"

// Table is every datapoint of the service, in the order of the manual.
func Table() []Datapoint {
	return slices.Concat(lineRows(), callRows(), audioRows(), keyRows(), ivrRows(), switchRows(), hardwareRows(), serviceRows())
}

func switchValues() []string { return []string{"0", "1"} }

func lineRows() []Datapoint {
	return []Datapoint{
		{Name: "connection", Kind: StateKind, Values: []string{Online, Offline}, Initial: Offline,
			Published: "`online`, `offline` (last will; also on clean stop)"},
		{Name: "registration", Kind: StateKind, Settable: true, Type: WordType, Words: []string{"1"}, Values: switchValues(),
			Feature: FeaturePhone, Initial: "0",
			Published: "`0`, `1`: whether the registrar knows this phone",
			Accepted:  "`1` = register now"},
		{Name: "registration/info", Kind: StateKind, Feature: FeaturePhone, Initial: "{}",
			Published: "JSON: registrar, aor, state, code, reason, hint in words, expires, since"},
		{Name: "mode", Kind: StateKind, Values: []string{ModePhone, ModeIVR}, Feature: FeaturePhone, Initial: ModePhone,
			Published: "`phone`, `ivr`"},
		{Name: "active", Kind: StateKind, Settable: true, Type: BoolType, Values: switchValues(), Feature: FeaturePhone, Initial: "1",
			Published: "`0`, `1`: this instance is the active one of its pair",
			Accepted:  "`0` = hand over to the other instance of the pair, or, of one on its own, un-register and refuse calls and commands; `1`"},
	}
}

func callRows() []Datapoint {
	return []Datapoint{
		{Name: "call", Kind: StateKind, Settable: true, Type: CallType, Feature: FeaturePhone, PerCall: true,
			Published: "remote address while a call is being set up or lasts, else empty",
			Accepted:  "an address = call it (JSON: `value` may be an array of addresses; options: `ring`, `say`, `play`, `ack` and more, see below); `answer`; `hangup` (also declines, cancels)"},
		{Name: "call/info", Kind: StateKind, Feature: FeaturePhone, PerCall: true, Initial: "{}",
			Published: "JSON of the current call: id, direction, remote{uri,user,name}, local, status, started, answered, codec, secure, muted, held; `{}` when idle"},
		{Name: "call/refused", Kind: EventKind, Feature: FeaturePhone,
			Published: "remote address of a caller sent away because a call is in progress (486)"},
		{Name: "call/quality", Kind: StateKind, Feature: FeaturePhone, Initial: "{}",
			Published: "JSON every 5 s in a call: codec, loss, jitter_ms, rtt_ms, mos, remote; `{}` when idle"},
		{Name: "call/ended", Kind: EventKind, Record: true, Feature: FeaturePhone,
			Published: "JSON, the call record: id, direction, remote, local, started, answered, ended, duration_s, cause, by, sip, reason, quality; an announcement ends with one more that has acknowledged_by and calls"},
		{Name: "status", Kind: StateKind, Values: []string{StatusRing, StatusDial, StatusActive, StatusHangup},
			Feature: FeaturePhone, PerCall: true, Initial: StatusHangup,
			Published: "`ring`, `dial`, `active`, `hangup` (idle)"},
		{Name: "transfer", Kind: EventKind, Settable: true, Type: AddressType, Feature: FeaturePhone, PerCall: true,
			Published: "`trying`, `accepted`, `failed <code>`",
			Accepted:  "an address: blind transfer of the active call (REFER) or of a ringing one (302)"},
	}
}

func audioRows() []Datapoint {
	row := func(name, meaning string) Datapoint {
		return Datapoint{Name: name, Kind: StateKind, Settable: true, Type: BoolType, Values: switchValues(), Feature: FeaturePhone,
			Initial: "0", Published: "`0`, `1`" + meaning, Accepted: "`0`, `1`"}
	}
	return []Datapoint{
		row("hold", ""),
		row("mute", "; back to `0` when a call ends"),
		row("autoanswer", ""),
		row("dnd", ": do not disturb, callers get 486"),
		{Name: "volume", Kind: StateKind, Settable: true, Type: VolumeType, Values: volumes(), Feature: FeaturePhone, Initial: "20",
			Published: "`off`, `1`..`20`",
			Accepted:  "`off`, `1`..`20` (`0` = `off`)"},
	}
}

func volumes() []string {
	all := make([]string, 0, MaxVolume+1)
	for v := 0; v <= MaxVolume; v++ {
		all = append(all, Volume(v))
	}
	return all
}

// Keys lists the sixteen DTMF keys.
func Keys() []string {
	return []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"}
}

func keyRows() []Datapoint {
	return []Datapoint{
		{Name: "dtmf", Kind: EventKind, Settable: true, Type: KeysType, Values: Keys(), Feature: FeaturePhone, PerCall: true,
			Published: "one of `0`-`9` `*` `#` `A`-`D` a message, once a key press",
			Accepted:  "one to 64 keys; `,` = half a second of pause"},
		{Name: "dtmf/collect", Kind: CommandKind, Settable: true, Type: CollectType, Feature: FeatureIVR, PerCall: true,
			Accepted: "JSON `{\"max\":4,\"timeout\":5,\"terminator\":\"#\",\"prompt\":\"file or text\"}`, all optional"},
		{Name: "dtmf/collected", Kind: EventKind, Feature: FeatureIVR, PerCall: true,
			Published: "JSON: digits, reason (`terminator`, `max`, `timeout`)"},
		{Name: "generic", Kind: EventKind, Settable: true, Type: LineType, Feature: FeaturePhone,
			Published: "the answer text",
			Accepted:  "a console command in the words of linphonec or baresip; `help` lists them"},
		{Name: "message", Kind: EventKind, Settable: true, Type: MessageType, Feature: FeaturePhone,
			Published: "JSON: from, body of a SIP MESSAGE that was received",
			Accepted:  "JSON `{\"to\":\"601\",\"body\":\"hello\"}`"},
	}
}

func ivrRows() []Datapoint {
	return []Datapoint{
		{Name: "play", Kind: StateKind, Settable: true, Type: WordType, Words: []string{"stop"}, Feature: FeatureIVR, PerCall: true, Initial: PlayIdle,
			Published: "`idle` or what is playing",
			Accepted:  "`stop`"},
		{Name: "play/file", Kind: CommandKind, Settable: true, Type: FileType, Feature: FeatureIVR, PerCall: true,
			Accepted: "a WAV or MP3 below `MEDIA_DIR` (ivr mode, active call); JSON adds `repeat` (times) and `interrupt` (keys that stop it)"},
		{Name: "play/voice/<voice>", Kind: CommandKind, Settable: true, Type: TextType, Feature: FeatureIVR, PerCall: true,
			Accepted: "text to speak with that voice (ivr mode, active call); `play/voice/default` always exists"},
		{Name: "record", Kind: StateKind, Settable: true, Type: RecordType, Feature: FeatureRecord, PerCall: true,
			Published: "file being written, or empty",
			Accepted:  "`start`, `start <name>`, `stop`"},
		{Name: "menu", Kind: EventKind, Feature: FeatureIVR, PerCall: true,
			Published: "id of the place in `IVR_MENU_FILE` that a caller has come to"},
		{Name: "message/voice", Kind: EventKind, Record: true, Settable: true, Type: VoiceType, Feature: FeatureVoicemail,
			Published: "JSON: file, seconds, from of a voice message that was left",
			Accepted:  "`heard <file>`, `unheard <file>`, `delete <file>`; `heard all`, `delete heard`, `delete all`; `listen` = let the active call hear the messages"},
		{Name: "message/list", Kind: StateKind, Feature: FeatureVoicemail, Initial: `{"messages":[]}`,
			Published: "JSON: messages, an array of the newest 100 voice messages, the oldest first: file, from, name, at, seconds, heard"},
		{Name: "message/waiting", Kind: StateKind, Feature: FeatureVoicemail, Initial: "0",
			Published: "how many voice messages are unheard"},
	}
}

func switchRows() []Datapoint {
	return []Datapoint{
		{Name: "pbx", Kind: EventKind, Feature: FeaturePhone,
			Published: "`<remote> = <local>` when a call rings in, `<local> = <remote>` when one is dialled out; in stand-alone mode local is the ID"},
		{Name: "pbx/status", Kind: StateKind, Feature: FeaturePBX,
			Published: "what the switch says of itself, text"},
		{Name: "pbx/event", Kind: EventKind, Feature: FeaturePBX,
			Published: "JSON: a channel event of the switch (FreeSWITCH event socket or Asterisk AMI)"},
	}
}

func hardwareRows() []Datapoint {
	presses := []string{"ring", "press"}
	bells := []string{DoorbellRing, DoorbellLongPress}
	return []Datapoint{
		{Name: "backlit", Kind: StateKind, Settable: true, Type: BoolType, Values: switchValues(), Feature: FeatureBacklight, Initial: "0",
			Published: "`0`, `1`",
			Accepted:  "`0`, `1`"},
		{Name: "doorbell", Kind: EventKind, Settable: true, Type: WordType, Words: presses, Values: bells, Feature: FeatureDoorbell,
			Published: "`ring`, `long_press`",
			Accepted:  "`ring` or `press` (same effect as the button)"},
		{Name: "doorbell/<button>", Kind: EventKind, Settable: true, Type: WordType, Words: presses, Values: bells, Feature: FeatureDoorbell,
			Published: "the same for one of several buttons",
			Accepted:  "`ring` or `press`"},
		{Name: "door", Kind: StateKind, Settable: true, Type: WordType, Words: []string{"unlock", "lock"},
			Values: []string{DoorLocked, DoorUnlocked}, Feature: FeatureDoor, Initial: DoorLocked,
			Published: "`locked`, `unlocked` (for the length of the pulse)",
			Accepted:  "`unlock`, `lock`"},
		{Name: "door/event", Kind: EventKind, Feature: FeatureDoor,
			Published: "JSON: event (`opened`, `refused`), by whom, how (`topic`, `dtmf`, `message`), never the code"},
		{Name: "display", Kind: StateKind, Settable: true, Type: ClearableType, Feature: FeatureDisplay,
			Published: "text shown",
			Accepted:  "text, empty clears it; JSON adds `scroll` (boolean), `seconds` (how long)"},
		{Name: "display/brightness", Kind: StateKind, Settable: true, Type: BrightnessType, Feature: FeatureDisplay, Initial: "7",
			Published: "`0`..`15`",
			Accepted:  "`0`..`15`"},
	}
}

func serviceRows() []Datapoint {
	return []Datapoint{
		{Name: "exec", Kind: EventKind, Settable: true, Type: TextType, Feature: FeatureExec,
			Published: "JSON: command, exit, stdout, stderr, duration_ms",
			Accepted:  "a command (refused unless `EXEC_ALLOW` or `EXEC_SHELL` allows it)"},
		{Name: "bridge/info", Kind: StateKind, Initial: "{}",
			Published: "JSON: version, started, features, ids"},
		{Name: "bridge/log", Kind: EventKind,
			Published: "JSON: time, level (`warning`, `error`), msg and what belongs to it"},
		{Name: "result", Kind: EventKind,
			Published: "JSON: the one answer to a command: id, datapoint, value, ok, error, code, sip"},
	}
}
