package claim

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"housephone/pair"
)

// message is a record as JSON. Token tells the writes of one instance apart.
type message struct {
	Holder   string `json:"holder"`
	Epoch    uint64 `json:"epoch"`
	Token    uint64 `json:"token"`
	TTL      int64  `json:"ttl_ms"`
	Released bool   `json:"released,omitempty"`
}

const (
	maxPayload = 1 << 10
	maxHolder  = 256
	maxTTL     = 10 * time.Minute
	maxEpoch   = 1 << 53 // what JSON numbers hold exactly
)

func encode(w pair.Write) ([]byte, error) {
	return json.Marshal(message{
		Holder: w.Record.Holder, Epoch: w.Record.Epoch, Token: w.Token, TTL: w.Record.TTL.Milliseconds(), Released: w.Record.Released,
	})
}

// decode reads what anybody may have published.
func decode(payload []byte) (pair.Record, uint64, error) {
	if len(payload) > maxPayload {
		return pair.Record{}, 0, fmt.Errorf("%d bytes are too long for a claim", len(payload))
	}
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		return pair.Record{}, 0, fmt.Errorf("a claim that is not JSON: %w", err)
	}
	ttl := time.Duration(m.TTL) * time.Millisecond
	if m.Holder == "" || len(m.Holder) > maxHolder || m.Epoch == 0 || m.Epoch >= maxEpoch || m.TTL <= 0 || m.TTL > maxTTL.Milliseconds() {
		return pair.Record{}, 0, errors.New("a claim without holder, epoch or ttl_ms")
	}
	return pair.Record{Holder: m.Holder, Epoch: m.Epoch, TTL: ttl, Released: m.Released}, m.Token, nil
}
