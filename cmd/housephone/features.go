package main

import "housephone/topics"

// notSwitchedOn answers a command of a feature that is off with the variable that switches it on.
func notSwitchedOn(path string, f topics.Feature) outcome {
	text := path + " is not switched on here"
	if by := switchedOnBy(f); by != "" {
		text += ": it needs " + by
	}
	return failed(topics.NotSupported, text)
}

// switchedOnBy is what a person has to set for a feature.
func switchedOnBy(f topics.Feature) string {
	switch f {
	case topics.FeaturePhone:
		return "a phone line, and SIP_LISTEN is none"
	case topics.FeatureIVR:
		return "PHONE_MODE=ivr"
	case topics.FeatureRecord:
		return "RECORD_DIR"
	case topics.FeatureVoicemail:
		return "RECORD_DIR and MAILBOX=1"
	case topics.FeatureDoorbell:
		return "HW_DOORBELL"
	case topics.FeatureDoor:
		return "HW_DOOR"
	case topics.FeatureDisplay:
		return "HW_DISPLAY"
	case topics.FeatureBacklight:
		return "HW_BACKLIGHT"
	case topics.FeaturePBX:
		return "ESL_URL or AMI_URL"
	}
	return ""
}
