package topics

func (d Device) ivrEntities() []entity {
	list := []entity{
		{key: "playing", feature: FeatureIVR, component: component{Platform: aSensor, StateTopic: d.Tree.Topic("play"),
			ValueTemplate: textOrNone, Icon: "mdi:play-circle"}},
		{key: "stop_playing", feature: FeatureIVR, component: component{Platform: aButton, CommandTopic: d.Tree.SetTopic("play"),
			PayloadPress: "stop", Icon: "mdi:stop-circle"}},
		{key: "record", feature: FeatureRecord, component: component{Platform: aSwitch, StateTopic: d.Tree.Topic("record"),
			CommandTopic: d.Tree.SetTopic("record"), PayloadOn: "start", PayloadOff: "stop", StateOn: "ON", StateOff: "OFF",
			ValueTemplate: `{{ 'ON' if value else 'OFF' }}`, Icon: "mdi:record-rec"}},
		{key: "messages_waiting", feature: FeatureVoicemail, component: component{Platform: aSensor,
			StateTopic: d.Tree.Topic("message/waiting"), StateClass: "measurement", Icon: "mdi:voicemail",
			AttributesTopic: d.Tree.Topic("message/list")}},
		{key: "trigger_voice_message", feature: FeatureVoicemail, component: component{Platform: aTrigger,
			Topic: d.Tree.Topic("message/voice"), Type: "received", Subtype: "voice_message"}},
		d.say("say", "default", ""),
	}
	var others []string
	for _, voice := range d.Voices {
		if voice != "default" {
			others = append(others, voice)
		}
	}
	for i, s := range slugs(others) {
		list = append(list, d.say("say_"+s, others[i], others[i]))
	}
	return list
}

func (d Device) say(key, voice, about string) entity {
	return entity{key: key, kind: "say", about: about, feature: FeatureIVR, component: component{Platform: aNotify,
		CommandTopic: d.Tree.SetTopic("play/voice/" + voice), CommandTemplate: valueAsJSON, Icon: "mdi:bullhorn"}}
}

func (d Device) doorbellEntities() []entity {
	if len(d.Buttons) < 2 {
		return d.bell("", "doorbell", "")
	}
	var list []entity
	for i, s := range slugs(d.Buttons) {
		list = append(list, d.bell("_"+s, "doorbell/"+d.Buttons[i], d.Buttons[i])...)
	}
	return list
}

// bell is one doorbell button: an event, the same as device triggers, and a button to try it without a visitor.
func (d Device) bell(suffix, datapoint, name string) []entity {
	topic := d.Tree.Topic(datapoint)
	trigger := func(key, payload, kind string) entity {
		subtype := name
		if subtype == "" {
			subtype = "doorbell"
		}
		return entity{key: key + suffix, feature: FeatureDoorbell,
			component: component{Platform: aTrigger, Topic: topic, Payload: payload, Type: kind, Subtype: subtype}}
	}
	return []entity{
		{key: "doorbell" + suffix, kind: "doorbell", about: name, feature: FeatureDoorbell, component: component{Platform: anEvent,
			StateTopic: topic, DeviceClass: "doorbell", EventTypes: []string{DoorbellRing, DoorbellLongPress},
			ValueTemplate: `{{ {"event_type": value} | to_json }}`, Icon: "mdi:doorbell"}},
		{key: "press_doorbell" + suffix, kind: "press_doorbell", about: name, feature: FeatureDoorbell,
			component: component{Platform: aButton, CommandTopic: d.Tree.SetTopic(datapoint), PayloadPress: "press",
				EntityCategory: diagnostic, Enabled: off(), Icon: "mdi:gesture-tap-button"}},
		trigger("trigger_short_press", DoorbellRing, "button_short_press"),
		trigger("trigger_long_press", DoorbellLongPress, "button_long_press"),
	}
}

func (d Device) doorEntities() []entity {
	set := d.Tree.SetTopic("door")
	return []entity{
		{key: "door", feature: FeatureDoor, component: component{Platform: aLock, StateTopic: d.Tree.Topic("door"), CommandTopic: set,
			PayloadLock: "lock", PayloadUnlock: "unlock", PayloadOpen: "unlock", StateLocked: DoorLocked, StateUnlocked: DoorUnlocked}},
		{key: "open_door", feature: FeatureDoor, component: component{Platform: aButton, CommandTopic: set,
			PayloadPress: "unlock", Icon: "mdi:door-open"}},
		{key: "door_event", feature: FeatureDoor, component: component{Platform: anEvent, StateTopic: d.Tree.Topic("door/event"),
			ValueTemplate: eventFrom("value_json.event"), EventTypes: []string{DoorOpened, DoorRefused}, Icon: "mdi:door-closed-lock"}},
		{key: "trigger_door_opened", feature: FeatureDoor, component: component{Platform: aTrigger, Topic: d.Tree.Topic("door/event"),
			ValueTemplate: `{{ value_json.event }}`, Payload: DoorOpened, Type: DoorOpened, Subtype: "door"}},
	}
}

func (d Device) displayEntities() []entity {
	set := d.Tree.SetTopic("display")
	return []entity{
		{key: "display", feature: FeatureDisplay, component: component{Platform: aText, StateTopic: d.Tree.Topic("display"),
			CommandTopic: set, ValueTemplate: shortText, CommandTemplate: valueAsJSON, Min: number(0), Max: number(255),
			Icon: "mdi:dots-grid"}},
		{key: "show", feature: FeatureDisplay, component: component{Platform: aNotify, CommandTopic: set,
			CommandTemplate: valueAsJSON, Icon: "mdi:message-text"}},
		{key: "brightness", feature: FeatureDisplay, component: component{Platform: aNumber,
			StateTopic: d.Tree.Topic("display/brightness"), CommandTopic: d.Tree.SetTopic("display/brightness"),
			Min: number(0), Max: number(maxBrightness), Step: 1, Mode: "slider", CommandTemplate: `{{ value | int }}`,
			EntityCategory: config, Icon: "mdi:brightness-6"}},
		d.toggle("backlight", FeatureBacklight, "backlit", "", "mdi:television-ambient-light"),
	}
}

func (d Device) serviceEntities() []entity {
	info := d.Tree.Topic("bridge/info")
	return []entity{
		{key: "version", component: component{Platform: aSensor, StateTopic: info, ValueTemplate: member("version"),
			AttributesTopic: info, EntityCategory: diagnostic, Icon: "mdi:tag"}},
		{key: "started", component: component{Platform: aSensor, StateTopic: info, ValueTemplate: member("started"),
			DeviceClass: "timestamp", EntityCategory: diagnostic, Icon: "mdi:clock-start"}},
	}
}
