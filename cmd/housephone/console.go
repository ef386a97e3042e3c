package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"housephone/phone"
	"housephone/topics"
)

// console understands the words of linphonec and baresip.
type console struct {
	phone     line
	addresses topics.Addresses
	registrar string
	version   string
	started   time.Time
	echoTest  func(context.Context) (string, error)
	hangup    func(slot int) outcome // with an announcement as a whole
}

// reply is the text that answers a console command.
type reply func(context.Context) (string, error)

type word struct {
	names []string // the first one is shown by help
	args  string
	help  string
	run   func(c *console, args []string) reply
}

// words is the table of console commands.
func words() []word {
	return []word{
		{[]string{"help"}, "", "this list", (*console).help},
		{[]string{"call", "dial", "d"}, "<address>", "call an address", (*console).call},
		{[]string{"answer", "accept", "a"}, "", "answer the ringing call", (*console).answer},
		{[]string{"terminate", "hangup", "decline", "b"}, "", "end, cancel or decline the call", (*console).terminate},
		{[]string{"transfer"}, "<address>", "send the other party to an address", (*console).transfer},
		{[]string{"hold", "pause"}, "", "hold the call", (*console).hold},
		{[]string{"resume"}, "", "resume the call", (*console).resume},
		{[]string{"mute"}, "", "send silence", (*console).mute},
		{[]string{"unmute"}, "", "send the microphone again", (*console).unmute},
		{[]string{"dtmf", "sndcode"}, "<keys>", "send keys", (*console).dtmf},
		{[]string{"autoanswer", "answermode"}, "<on|off>", "answer calls by itself", (*console).autoanswer},
		{[]string{"dnd"}, "<on|off>", "do not disturb", (*console).dnd},
		{[]string{"volume"}, "<off|1-20>", "set the volume", (*console).volume},
		{[]string{"status", "calls", "listcalls"}, "", "registration and call", (*console).status},
		{[]string{"stats", "callstat"}, "", "media quality of the call", (*console).stats},
		{[]string{"reginfo"}, "", "registration in words", (*console).reginfo},
		{[]string{"register", "uareg"}, "", "register now", (*console).register},
		{[]string{"options"}, "<address>", "ask an address what it can do", (*console).options},
		{[]string{"message", "chat"}, "<address> <text>", "send a SIP message", (*console).message},
		{[]string{"echotest"}, "", "measure the echo between loudspeaker and microphone (takes five seconds)", (*console).echo},
		{[]string{"version", "about"}, "", "version and time since the start", (*console).about},
	}
}

// start begins a command; state that it needs is read when the reply is asked for.
func (c *console) start(text string) reply {
	fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(text), "/"))
	if len(fields) == 0 {
		return refuse("an empty command; help lists the commands")
	}
	name := strings.ToLower(fields[0])
	for _, w := range words() {
		if !slices.Contains(w.names, name) {
			continue
		}
		need := strings.Count(w.args, "<")
		if len(fields)-1 < need {
			return refuse(fmt.Sprintf("usage: %s %s", w.names[0], w.args))
		}
		return w.run(c, fields[1:])
	}
	return refuse(fmt.Sprintf("unknown command %q; help lists the commands", name))
}

func refuse(text string) reply {
	return func(context.Context) (string, error) {
		return "", &topics.Error{Code: topics.Invalid, Message: text}
	}
}

// after gives a fixed text once a command has worked.
func after(text string, p *phone.Pending) reply {
	return func(ctx context.Context) (string, error) {
		if err := p.Wait(ctx); err != nil {
			return "", err
		}
		return text, nil
	}
}

func (c *console) to(address string, f func(uri string) reply) reply {
	uri, err := c.addresses.Full(address)
	if err != nil {
		return func(context.Context) (string, error) { return "", err }
	}
	return f(uri)
}

func (c *console) help([]string) reply {
	return func(context.Context) (string, error) {
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, k := range words() {
			_, _ = fmt.Fprintf(w, "%s %s\t%s\n", k.names[0], k.args, k.help)
		}
		_ = w.Flush()
		return strings.TrimRight(b.String(), "\n"), nil
	}
}

func (c *console) call(args []string) reply {
	return c.to(args[0], func(uri string) reply { return after("ringing "+c.addresses.Short(uri), c.phone.Call(uri)) })
}

func (c *console) answer([]string) reply { return after("answered", c.phone.Answer(0)) }

func (c *console) terminate([]string) reply {
	done := c.hangup(0)
	return func(ctx context.Context) (string, error) { return "call ended", done(ctx) }
}

func (c *console) transfer(args []string) reply {
	return c.to(args[0], func(uri string) reply { return after("transferred", c.phone.Transfer(0, uri)) })
}

func (c *console) hold([]string) reply   { return after("held", c.phone.Hold(0, true)) }
func (c *console) resume([]string) reply { return after("resumed", c.phone.Hold(0, false)) }
func (c *console) mute([]string) reply   { return after("muted", c.phone.Mute(0, true)) }
func (c *console) unmute([]string) reply { return after("unmuted", c.phone.Mute(0, false)) }

func (c *console) dtmf(args []string) reply {
	keys := strings.ToUpper(strings.Join(args, ""))
	return after("sent "+keys, c.phone.SendKeys(0, keys))
}

func (c *console) autoanswer(args []string) reply {
	return onOff(args[0], "autoanswer", c.phone.SetAutoAnswer)
}

func (c *console) dnd(args []string) reply { return onOff(args[0], "dnd", c.phone.SetDND) }

// onOff also takes baresip's auto and manual, and linphonec's enable and disable.
func onOff(arg, name string, set func(bool) *phone.Pending) reply {
	on, ok := topics.ParseBool(arg)
	switch strings.ToLower(arg) {
	case "auto", "enable":
		on, ok = true, true
	case "manual", "disable":
		on, ok = false, true
	}
	if !ok {
		return refuse(name + " wants on or off")
	}
	return after(name+" "+topics.Bool(on), set(on))
}

func (c *console) volume(args []string) reply {
	v, err := topics.ParseVolume(args[0])
	if err != nil {
		return func(context.Context) (string, error) { return "", err }
	}
	return after("volume "+topics.Volume(v), c.phone.SetVolume(v))
}

func (c *console) register([]string) reply { return after("registered", c.phone.Register()) }

func (c *console) message(args []string) reply {
	body := strings.Join(args[1:], " ")
	return c.to(args[0], func(uri string) reply { return after("message sent", c.phone.Message(uri, body)) })
}

func (c *console) options(args []string) reply {
	return c.to(args[0], func(uri string) reply {
		return func(ctx context.Context) (string, error) {
			code, reason, err := c.phone.Options(ctx, uri)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%d %s", code, reason), nil
		}
	})
}

func (c *console) status([]string) reply {
	return c.withState(func(s phone.State) string {
		out := []string{c.regText(s)}
		if len(s.Calls) == 0 {
			return strings.Join(append(out, "no call"), "\n")
		}
		for _, k := range s.Calls {
			line := fmt.Sprintf("call %d: %s %s %s, started %s", k.Slot, k.Direction, k.Status, c.addresses.Short(k.Remote.URI), k.Started.UTC().Format(time.RFC3339))
			if k.Codec != "" {
				line += ", " + k.Codec
			}
			out = append(out, line)
		}
		return strings.Join(out, "\n")
	})
}

func (c *console) regText(s phone.State) string {
	switch {
	case c.registrar == "":
		return "stand-alone, no registrar"
	case s.Registered:
		return fmt.Sprintf("registered at %s for %d s", c.registrar, int(s.Registration.Expires.Seconds()))
	}
	return fmt.Sprintf("not registered at %s: %s", c.registrar, s.Registration.State)
}

func (c *console) reginfo([]string) reply {
	return c.withState(func(s phone.State) string {
		out := c.regText(s)
		for _, more := range []string{s.Registration.Reason, s.Registration.Hint} {
			if more != "" {
				out += "\n" + more
			}
		}
		return out
	})
}

func (c *console) stats([]string) reply {
	return c.withState(func(s phone.State) string {
		k := findCall(s.Calls, s.Current)
		if k.ID == "" {
			return "no call"
		}
		q := k.Quality
		text := fmt.Sprintf("%s: sent %d, received %d, lost %d (%.2f %%), jitter %.2f ms, round trip %.1f ms, MOS %.2f, dropped %d",
			q.Codec, q.Sent, q.Received, q.Lost, q.LossPct, q.JitterMs, q.RTTMs, q.MOS, q.Dropped)
		if f := q.Far; f.Known {
			text += fmt.Sprintf("; at the far end loss %.2f %%, jitter %.2f ms", f.LossPct, f.JitterMs)
		}
		return text
	})
}

func (c *console) echo([]string) reply { return c.echoTest }

func (c *console) about([]string) reply {
	return func(context.Context) (string, error) {
		return fmt.Sprintf("housephone %s, up %s", c.version, time.Since(c.started).Round(time.Second)), nil
	}
}

func (c *console) withState(f func(phone.State) string) reply {
	return func(ctx context.Context) (string, error) {
		s, err := c.phone.Snapshot(ctx)
		if err != nil {
			return "", err
		}
		return f(s), nil
	}
}
