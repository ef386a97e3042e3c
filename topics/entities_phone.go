package topics

import "slices"

// entities is everything the phone can be in Home Assistant, whatever is switched on.
func (d Device) entities() []entity {
	return slices.Concat(d.callEntities(), d.commandEntities(), d.audioEntities(), d.eventEntities(), d.lineEntities(),
		d.qualityEntities(), d.ivrEntities(), d.doorbellEntities(), d.doorEntities(), d.displayEntities(), d.serviceEntities())
}

func (d Device) callEntities() []entity {
	status, call := d.Tree.Topic("status"), d.Tree.Topic("call")
	row, _ := Lookup("status")
	return []entity{
		{key: "status", feature: FeaturePhone, component: component{Platform: aSensor, Name: thePhone, DeviceClass: "enum",
			Options: row.Values, StateTopic: status, AttributesTopic: d.Tree.Topic("call/info"), Icon: "mdi:phone"}},
		{key: "remote", feature: FeaturePhone, component: component{Platform: aSensor, StateTopic: call,
			ValueTemplate: textOrNone, Icon: "mdi:account-voice"}},
		{key: "ringing", feature: FeaturePhone, component: component{Platform: aBinarySensor, StateTopic: status,
			ValueTemplate: `{{ 'ON' if value == 'ring' else 'OFF' }}`, Icon: "mdi:bell-ring"}},
		{key: "in_call", feature: FeaturePhone, component: component{Platform: aBinarySensor, StateTopic: status,
			ValueTemplate: `{{ 'ON' if value == 'active' else 'OFF' }}`, DeviceClass: "running", Icon: "mdi:phone-in-talk"}},
		{key: "last_call", feature: FeaturePhone, component: component{Platform: aSensor, StateTopic: d.Tree.Topic("call/ended"),
			ValueTemplate:   `{{ (value_json.remote.name or value_json.remote.user or value_json.remote.uri)[:255] }}`,
			AttributesTopic: d.Tree.Topic("call/ended"), Icon: "mdi:phone-log"}},
		{key: "trigger_ringing", feature: FeaturePhone, component: component{Platform: aTrigger, Topic: status,
			Payload: StatusRing, Type: "ringing", Subtype: "call"}},
		{key: "trigger_missed", feature: FeaturePhone, component: component{Platform: aTrigger, Topic: d.Tree.Topic("call/ended"),
			ValueTemplate: missedCall, Payload: "missed", Type: "missed", Subtype: "call"}},
	}
}

func (d Device) commandEntities() []entity {
	call := d.Tree.SetTopic("call")
	return []entity{
		{key: "answer", feature: FeaturePhone, component: component{Platform: aButton, CommandTopic: call,
			PayloadPress: "answer", Icon: "mdi:phone-check"}},
		{key: "hangup", feature: FeaturePhone, component: component{Platform: aButton, CommandTopic: call,
			PayloadPress: "hangup", Icon: "mdi:phone-hangup"}},
		{key: "dial", feature: FeaturePhone, component: component{Platform: aText, CommandTopic: call,
			Min: number(1), Max: number(maxAddress), Icon: "mdi:phone-outgoing"}},
		{key: "transfer_to", feature: FeaturePhone, component: component{Platform: aText, CommandTopic: d.Tree.SetTopic("transfer"),
			Min: number(1), Max: number(maxAddress), Icon: "mdi:phone-forward"}},
		{key: "send_dtmf", feature: FeaturePhone, component: component{Platform: aText, CommandTopic: d.Tree.SetTopic("dtmf"),
			Min: number(1), Max: number(maxKeys), Pattern: `^[0-9*#A-Da-d,]+$`, Icon: "mdi:dialpad"}},
		{key: "console", feature: FeaturePhone, component: component{Platform: aText, CommandTopic: d.Tree.SetTopic("generic"),
			CommandTemplate: valueAsJSON, Min: number(1), Max: number(255), Enabled: off(), EntityCategory: config, Icon: "mdi:console"}},
	}
}

// toggle is a switch of a boolean datapoint.
func (d Device) toggle(key string, f Feature, datapoint, category, icon string) entity {
	return entity{key: key, feature: f, component: component{Platform: aSwitch, StateTopic: d.Tree.Topic(datapoint),
		CommandTopic: d.Tree.SetTopic(datapoint), PayloadOn: Bool(true), PayloadOff: Bool(false), EntityCategory: category, Icon: icon}}
}

func (d Device) audioEntities() []entity {
	return []entity{
		d.toggle("hold", FeaturePhone, "hold", "", "mdi:phone-paused"),
		d.toggle("mute", FeaturePhone, "mute", "", "mdi:microphone-off"),
		d.toggle("autoanswer", FeaturePhone, "autoanswer", config, "mdi:phone-incoming"),
		d.toggle("dnd", FeaturePhone, "dnd", "", "mdi:minus-circle-off"),
		d.toggle("active", FeaturePair, "active", config, "mdi:server-network"),
		{key: "volume", feature: FeaturePhone, component: component{Platform: aNumber, StateTopic: d.Tree.Topic("volume"),
			CommandTopic: d.Tree.SetTopic("volume"), Min: number(0), Max: number(MaxVolume), Step: 1, Mode: "slider",
			ValueTemplate:   `{{ 0 if value == 'off' else value }}`,
			CommandTemplate: `{{ 'off' if value | int == 0 else value | int }}`, Icon: "mdi:volume-high"}},
	}
}

func (d Device) eventEntities() []entity {
	event := func(key, datapoint, icon, template string, types ...string) entity {
		row, _ := Lookup(datapoint)
		return entity{key: key, feature: row.Feature, component: component{Platform: anEvent, StateTopic: d.Tree.Topic(datapoint),
			ValueTemplate: template, EventTypes: types, Icon: icon}}
	}
	hidden := func(e entity) entity {
		e.Enabled, e.EntityCategory = off(), diagnostic
		return e
	}
	return []entity{
		event("dtmf", "dtmf", "mdi:dialpad", `{{ {"event_type": value} | to_json }}`, Keys()...),
		event("transfer", "transfer", "mdi:phone-forward",
			`{% set w = value.split(' ') %}{{ {"event_type": w[0], "sip": w[1] | int if w | length > 1 else none} | to_json }}`,
			TransferTrying, TransferAccepted, "failed"),
		event("call_ended", "call/ended", "mdi:phone-hangup", eventFrom("value_json.cause"), Causes()...),
		event("call_refused", "call/refused", "mdi:phone-missed", eventOf("refused", "remote"), "refused"),
		event("message", "message", "mdi:message-text", eventFrom("'received'"), "received"),
		event("dtmf_collected", "dtmf/collected", "mdi:dialpad", eventFrom("value_json.reason"),
			CollectTerminator, CollectMax, CollectTimeout),
		event("voice_message", "message/voice", "mdi:voicemail", eventFrom("'received'"), "received"),
		hidden(event("pbx", "pbx", "mdi:phone-log", eventOf("call", "text"), "call")),
		hidden(event("console_answer", "generic", "mdi:console", eventOf("answer", "text"), "answer")),
		hidden(event("pbx_event", "pbx/event", "mdi:server-network", eventFrom("'channel'"), "channel")),
		hidden(event("log", "bridge/log", "mdi:alert-circle-outline", eventFrom("value_json.level"), LevelWarning, LevelError)),
	}
}

func (d Device) lineEntities() []entity {
	return []entity{
		{key: "registration", feature: FeatureRegistrar, component: component{Platform: aBinarySensor,
			StateTopic: d.Tree.Topic("registration"), PayloadOn: Bool(true), PayloadOff: Bool(false), DeviceClass: "connectivity",
			EntityCategory: diagnostic, AttributesTopic: d.Tree.Topic("registration/info")}},
		{key: "registration_info", feature: FeatureRegistrar, component: component{Platform: aSensor,
			StateTopic:     d.Tree.Topic("registration/info"),
			ValueTemplate:  `{{ (value_json.get('hint') or value_json.get('reason') or value_json.get('state') or '')[:255] }}`,
			EntityCategory: diagnostic, Icon: "mdi:card-account-phone"}},
		{key: "register", feature: FeatureRegistrar, component: component{Platform: aButton,
			CommandTopic: d.Tree.SetTopic("registration"), PayloadPress: "1", EntityCategory: diagnostic, Icon: "mdi:refresh"}},
		{key: "mode", feature: FeaturePhone, component: component{Platform: aSensor, StateTopic: d.Tree.Topic("mode"),
			DeviceClass: "enum", Options: []string{ModePhone, ModeIVR}, EntityCategory: diagnostic, Icon: "mdi:cog"}},
		{key: "pbx_status", feature: FeaturePBX, component: component{Platform: aSensor, StateTopic: d.Tree.Topic("pbx/status"),
			ValueTemplate: textOrNone, EntityCategory: diagnostic, Icon: "mdi:server-network"}},
	}
}

func (d Device) qualityEntities() []entity {
	sensor := func(key, name string, c component) entity {
		c.Platform, c.StateTopic, c.ValueTemplate = aSensor, d.Tree.Topic("call/quality"), member(name)
		c.EntityCategory, c.Enabled = diagnostic, off()
		return entity{key: key, feature: FeaturePhone, component: c}
	}
	remote := func(key, name string, c component) entity {
		e := sensor(key, name, c)
		e.ValueTemplate = `{{ value_json.get('remote', {}).get('` + name + `') }}`
		return e
	}
	measured := func(unit, class, icon string, decimals int) component {
		return component{Unit: unit, DeviceClass: class, StateClass: "measurement", Precision: number(decimals), Icon: icon}
	}
	return []entity{
		sensor("codec", "codec", component{Icon: "mdi:music-note"}),
		sensor("loss", "loss", measured("%", "", "mdi:package-variant-remove", 1)),
		sensor("jitter", "jitter_ms", measured("ms", "duration", "mdi:waveform", 1)),
		sensor("rtt", "rtt_ms", measured("ms", "duration", "mdi:timer-outline", 0)),
		sensor("mos", "mos", measured("", "", "mdi:star-half-full", 1)),
		remote("remote_loss", "loss", measured("%", "", "mdi:package-variant-remove", 1)),
		remote("remote_jitter", "jitter_ms", measured("ms", "duration", "mdi:waveform", 1)),
		remote("remote_mos", "mos", measured("", "", "mdi:star-half-full", 1)),
	}
}
