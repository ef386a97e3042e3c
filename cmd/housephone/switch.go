package main

import (
	"context"

	"housephone/hw"
	"housephone/hw/pbx"
	"housephone/topics"
)

// switchEnv says which switch to listen to; package hw/pbx reads the values.
type switchEnv struct {
	ESLURL     string `env:"ESL_URL" doc:"FreeSWITCH event socket: esl://:password@host[:8021]" secret:"true"`
	ESLURLFile string `env:"ESL_URL_FILE" doc:"file that holds ESL_URL"`
	ESLCommand string `env:"ESL_COMMAND" envDefault:"status" doc:"api command whose answer is pbx/status"`
	AMIURL     string `env:"AMI_URL" doc:"Asterisk manager: ami://user:password@host[:5038]" secret:"true"`
	AMIURLFile string `env:"AMI_URL_FILE" doc:"file that holds AMI_URL"`
}

func (e switchEnv) set() bool { return e.ESLURL != "" || e.AMIURL != "" }

// buildSwitch makes the listener; it connects nowhere yet.
func (s *service) buildSwitch() error {
	if !s.cfg.Switch.set() {
		return nil
	}
	var err error
	s.pbx, err = pbx.New(pbx.Config{
		ESLURL: s.cfg.Switch.ESLURL, ESLCommand: s.cfg.Switch.ESLCommand, AMIURL: s.cfg.Switch.AMIURL, Log: s.log.With("part", "switch"),
	})
	if err != nil {
		return configError{err}
	}
	return nil
}

// relaySwitch publishes what the switch tells; its status also runs over the display.
func (s *service) relaySwitch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-s.pbx.Events():
			s.heardSwitch(ctx, e)
		}
	}
}

func (s *service) heardSwitch(ctx context.Context, e pbx.Event) {
	switch e := e.(type) {
	case pbx.Status:
		s.publish(s.tree.Message("pbx/status", e.Text))
		if s.panel != nil && s.cfg.HW.Display != "" {
			if err := s.panel.ShowText(ctx, hw.Text{Text: oneLine(e.Text), Scroll: hw.ScrollOn}); err != nil {
				s.log.Warn("the switch's status cannot be shown", "err", err)
			}
		}
	case pbx.Channel:
		s.publish(s.view.json("pbx/event", topics.PBXEvent{
			Event: e.Event, Channel: e.Channel, Caller: e.Caller, Callee: e.Callee, State: e.State, Fields: e.Fields,
		}))
	case pbx.Lost:
		s.publish(s.tree.Message("pbx/status", ""))
		s.log.Warn("no connection to the switch", "switch", string(e.Switch), "err", e.Err)
	case pbx.Connected:
		s.log.Info("listening to the switch", "switch", string(e.Switch), "hint", e.Hint)
	}
}

// oneLine makes a text fit for a display that scrolls.
func oneLine(s string) string {
	const most = hw.MaxText
	out := make([]rune, 0, len(s))
	space := true
	for _, r := range s {
		if r == '\n' || r == '\r' || r == '\t' || r == ' ' {
			if !space {
				out = append(out, ' ')
			}
			space = true
			continue
		}
		space = false
		out = append(out, r)
		if len(out) >= most {
			break
		}
	}
	return string(out)
}
