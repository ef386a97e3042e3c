package main

import (
	"errors"
	"strings"
	"testing"

	"housephone/topics"
)

// A command of something that is off is answered with the variable that switches it on.
func TestCommandOfAFeatureThatIsOff(t *testing.T) {
	listed := map[string]bool{}
	eachVariable(func(v variable) { listed[v.name] = true })
	for path, want := range map[string]string{
		"play/file": "PHONE_MODE", "doorbell/front": "HW_DOORBELL", "door": "HW_DOOR", "display": "HW_DISPLAY", "backlit": "HW_BACKLIGHT", "call": "SIP_LISTEN",
	} {
		c := &commander{features: topics.Features{}}
		err := c.start(topics.Command{Datapoint: path})(t.Context())
		var te *topics.Error
		if !errors.As(err, &te) || te.Code != topics.NotSupported || !strings.Contains(te.Message, want) {
			t.Errorf("%s: %v", path, err)
		}
		if !listed[want] {
			t.Errorf("%s is no variable", want)
		}
	}
}
