package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// called is a flow in which sipp calls the service.
type called struct {
	scenario string
	env      env
	before   func(h *peers.Housephone)
	during   func(h *peers.Housephone)
	after    func(t *testing.T, h *peers.Housephone, mark peers.Mark)
	timeout  time.Duration
	args     []string // of sipp
}

func scenario(name string) string { return filepath.Join("sipp", name+".xml") }

func answer(h *peers.Housephone) {
	h.State("status", "ring")
	h.Do("call", "answer")
}

// answerAndLeave answers, waits for the call and hangs up.
func answerAndLeave(h *peers.Housephone) {
	answer(h)
	h.State("status", "active")
	time.Sleep(300 * time.Millisecond)
	h.Do("call", "hangup")
}

// ended checks the record of the call that a flow leaves.
func ended(members map[string]any) func(*testing.T, *peers.Housephone, peers.Mark) {
	return func(t *testing.T, h *peers.Housephone, mark peers.Mark) {
		t.Helper()
		want(t, h.Ended(mark), members)
		h.State("status", "hangup")
	}
}

func calledFlows() []called {
	completed := ended(map[string]any{"direction": "incoming", "cause": "completed", "by": "remote"})
	return []called{
		{scenario: "caller_answered", during: answer, after: completed},
		{scenario: "caller_left", during: answerAndLeave, after: ended(map[string]any{"cause": "completed", "by": "local"})},
		{scenario: "caller_gives_up", after: ended(map[string]any{"cause": "cancelled", "by": "remote", "sip": 487})},
		{scenario: "caller_busy", before: func(h *peers.Housephone) { h.Do("dnd", "1") }},
		{scenario: "caller_declined", during: func(h *peers.Housephone) {
			h.State("status", "ring")
			h.Do("call", "hangup")
		}, after: ended(map[string]any{"cause": "declined", "by": "local"})},
		{scenario: "caller_unanswered", env: env{"PHONE_RING_TIMEOUT": "2s"}, after: ended(map[string]any{"cause": "no_answer"})},
		{scenario: "caller_redirected", during: func(h *peers.Housephone) {
			h.State("status", "ring")
			h.Do("transfer", "elsewhere@127.0.0.1:5999")
		}, after: func(t *testing.T, h *peers.Housephone, mark peers.Mark) {
			t.Helper()
			h.Event(mark, "transfer", func(v string) bool { return v == "accepted" })
			h.Idle()
		}},
		{scenario: "caller_never_acks", during: answer, timeout: 60 * time.Second,
			// the service may ask by OPTIONS whether the caller is there at all
			args: []string{"-aa"}, after: ended(map[string]any{"cause": "failed"})},
		{scenario: "caller_late_offer", during: answer, after: completed},
		{scenario: "caller_holds", during: answer, after: completed},
		{scenario: "caller_moves_media", during: answer, after: completed},
		{scenario: "caller_asks_for_offer", during: answer, after: completed},
		{scenario: "caller_updates", during: answer, after: completed},
		{scenario: "caller_wants_prack", during: answer, after: completed},
		{scenario: "caller_session_timer", during: answer, after: completed},
		{scenario: "caller_with_video", during: answer, after: completed},
		{scenario: "caller_no_codec", after: func(_ *testing.T, h *peers.Housephone, _ peers.Mark) { h.State("status", "hangup") }},
		{scenario: "caller_keys", during: answer, after: func(t *testing.T, h *peers.Housephone, mark peers.Mark) {
			t.Helper()
			h.Ended(mark)
			var keys strings.Builder
			for _, m := range h.Since(mark, h.Topic("dtmf")) {
				keys.WriteString(m.Payload)
			}
			if keys.String() != "24#7*" {
				t.Errorf("keys heard: %q, want 24#7*", keys.String())
			}
		}},
		{scenario: "caller_unknown_requests", during: answer, after: completed},
		{scenario: "stranger_bye"},
		{scenario: "stranger_options"},
		{scenario: "stranger_message", after: func(_ *testing.T, h *peers.Housephone, mark peers.Mark) {
			h.Event(mark, "message", func(v string) bool { return strings.Contains(v, "hello from sipp") })
		}},
	}
}

func TestFlowsCalled(t *testing.T) {
	t.Parallel()
	for _, flow := range calledFlows() {
		t.Run(flow.scenario, func(t *testing.T) {
			t.Parallel()
			ports := peers.NewPorts(t)
			h := start(t, ports, flow.env)
			if flow.before != nil {
				flow.before(h)
			}
			mark := h.Mark()
			s := peers.NewSIPp(t, ports, peers.SIPpConfig{
				Scenario: scenario(flow.scenario), Target: h.SIPAddr, Service: "phone", Timeout: flow.timeout, Args: flow.args,
			})
			if flow.during != nil {
				flow.during(h)
			}
			s.Success()
			if flow.after != nil {
				flow.after(t, h, mark)
			}
		})
	}
}

// calling is a flow in which the service calls sipp.
type calling struct {
	scenario string
	env      env
	result   string // code of the call's result, "" = ok
	during   func(h *peers.Housephone)
	after    func(t *testing.T, h *peers.Housephone, mark peers.Mark)
}

// talkAndLeave waits for the answer and hangs up.
func talkAndLeave(h *peers.Housephone) {
	h.State("status", "active")
	time.Sleep(300 * time.Millisecond)
	h.Do("call", "hangup")
}

// cancel takes the call back while it rings.
func cancel(h *peers.Housephone) { h.Do("call", "hangup") }

func callingFlows() []calling {
	own := ended(map[string]any{"direction": "outgoing", "cause": "completed", "by": "local"})
	failed := func(cause string, status int) func(*testing.T, *peers.Housephone, peers.Mark) {
		return ended(map[string]any{"direction": "outgoing", "cause": cause, "by": "remote", "sip": status})
	}
	return []calling{
		{scenario: "callee_answers", during: talkAndLeave, after: own},
		{scenario: "callee_hangs_up", after: ended(map[string]any{"cause": "completed", "by": "remote"})},
		{scenario: "callee_unanswered", env: env{"PHONE_RING_TIMEOUT": "2s"}, after: ended(map[string]any{"cause": "no_answer", "by": "local"})},
		{scenario: "callee_unanswered", during: cancel, after: ended(map[string]any{"cause": "cancelled", "by": "local"})},
		{scenario: "callee_busy", after: failed("busy", 486)},
		{scenario: "callee_busy_at_once", result: "busy", after: failed("busy", 486)},
		{scenario: "callee_unavailable", after: failed("no_answer", 480)},
		{scenario: "callee_declines", after: failed("declined", 603)},
		{scenario: "callee_unknown", after: failed("failed", 404)},
		{scenario: "callee_no_codec", after: failed("failed", 488)},
		{scenario: "callee_broken", after: failed("failed", 500)},
		{scenario: "callee_answers_cancel", during: cancel, after: ended(map[string]any{"by": "local"})},
		{scenario: "callee_forks", after: ended(map[string]any{"cause": "completed", "by": "remote"})},
		{scenario: "callee_rings_long", during: talkAndLeave, after: own},
		{scenario: "callee_early_media", during: talkAndLeave, after: own},
		{scenario: "callee_answers_bare", during: talkAndLeave, after: own},
		{scenario: "callee_wants_prack", during: talkAndLeave, after: own},
		{scenario: "callee_longer_session", during: talkAndLeave, after: own},
		{scenario: "callee_redirects", during: talkAndLeave, after: own},
		{scenario: "callee_is_held", during: holdAndLeave, after: own},
		{scenario: "callee_glares", during: func(h *peers.Housephone) {
			h.State("status", "active")
			h.Do("hold", "1")
			h.State("hold", "1")
			h.Do("call", "hangup")
		}, after: own},
		{scenario: "callee_is_transferred", during: func(h *peers.Housephone) {
			h.State("status", "active")
			h.Do("transfer", "elsewhere@127.0.0.1:5999")
		}, after: transferred("trying", "accepted")},
		{scenario: "callee_transfer_fails", during: transferAndLeave, after: transferred("trying", "failed 486")},
		{scenario: "callee_refuses_transfer", during: transferAndLeave, after: transferred("failed 603")},
		{scenario: "callee_forgets", during: talkAndLeave, after: own},
		{scenario: "callee_takes_info", during: func(h *peers.Housephone) {
			h.State("status", "active")
			h.Do("dtmf", "5")
			h.Do("call", "hangup")
		}, after: own},
	}
}

func holdAndLeave(h *peers.Housephone) {
	h.State("status", "active")
	h.Do("hold", "1")
	h.State("hold", "1")
	h.Do("hold", "0")
	h.State("hold", "0")
	h.Do("call", "hangup")
}

// transferAndLeave tries a transfer that fails: the call must be there still, to be ended by hand.
func transferAndLeave(h *peers.Housephone) {
	h.State("status", "active")
	mark := h.Mark()
	h.Send("transfer", "elsewhere@127.0.0.1:5999", nil)
	h.Event(mark, "transfer", func(v string) bool { return strings.HasPrefix(v, "failed") })
	time.Sleep(300 * time.Millisecond)
	h.State("status", "active")
	h.Do("call", "hangup")
}

func transferred(texts ...string) func(*testing.T, *peers.Housephone, peers.Mark) {
	return func(t *testing.T, h *peers.Housephone, mark peers.Mark) {
		t.Helper()
		for _, text := range texts {
			h.Event(mark, "transfer", func(v string) bool { return v == text })
		}
		h.Idle()
	}
}

func TestFlowsCalling(t *testing.T) {
	t.Parallel()
	for _, flow := range callingFlows() {
		t.Run(flow.scenario, func(t *testing.T) {
			t.Parallel()
			ports := peers.NewPorts(t)
			h := start(t, ports, flow.env)
			s := peers.NewSIPp(t, ports, peers.SIPpConfig{Scenario: scenario(flow.scenario), Service: "far"})
			mark := h.Mark()
			if r := h.Try("call", "far@"+s.Address(), nil); r.OK != (flow.result == "") || r.Code != flow.result {
				t.Errorf("result %+v, want code %q", r, flow.result)
			}
			if flow.during != nil {
				flow.during(h)
			}
			s.Success()
			if flow.after != nil {
				flow.after(t, h, mark)
			}
		})
	}
}

// RFC 3428 from the service.
func TestFlowMessage(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	h := start(t, ports, nil)
	s := peers.NewSIPp(t, ports, peers.SIPpConfig{Scenario: scenario("callee_takes_message")})
	r := h.Raw("message", `{"to":"far@`+s.Address()+`","body":"good evening"}`)
	if !r.OK {
		t.Errorf("result %+v", r)
	}
	s.Success()
}

// 180, 183 and 200 in one go, a hundred times: nothing is lost, every call becomes active.
func TestFlowOrder(t *testing.T) {
	t.Parallel()
	const calls = 100
	ports := peers.NewPorts(t)
	h := start(t, ports, nil)
	s := peers.NewSIPp(t, ports, peers.SIPpConfig{Scenario: scenario("callee_in_a_rush"), Service: "far", Calls: calls, Timeout: 90 * time.Second})
	for i := range calls {
		mark := h.Mark()
		if r := h.Try("call", "far@"+s.Address(), nil); !r.OK {
			t.Fatalf("call %d: %+v", i, r)
		}
		record := h.Ended(mark)
		if record["cause"] != "completed" || record["answered"] == nil {
			t.Fatalf("call %d: %v", i, record)
		}
		h.State("status", "hangup")
		var seen []string
		for _, m := range h.Since(mark, h.Topic("status")) {
			seen = append(seen, m.Payload)
		}
		// a state that lasts shorter than the broker takes may be left out, but none may come out of order
		if got := strings.Join(seen, " "); !slices.Contains([]string{"dial active hangup", "active hangup", "hangup"}, got) {
			t.Fatalf("call %d went through %s", i, got)
		}
	}
	s.Success()
}

// RFC 3665 3.10: nobody answers at all. The result comes when the transaction gives up, after 64*T1.
func TestFlowNoResponse(t *testing.T) {
	t.Parallel()
	h := start(t, peers.NewPorts(t), nil)
	mark := h.Mark()
	r := h.Refused("call", "far@"+peers.Silent(t), "timeout", "unreachable")
	if r.SIP != 0 && r.SIP != 408 {
		t.Errorf("result %+v", r)
	}
	h.Ended(mark)
	h.Idle()
}
