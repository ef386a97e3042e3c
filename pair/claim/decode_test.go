package claim

import (
	"testing"

	"housephone/pair"
)

// What is accepted is within its bounds, and means the same when it is written again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"holder":"x","epoch":2,"token":3,"ttl_ms":2000,"released":true}`))
	f.Add([]byte(`{"holder":"","epoch":0}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, token, err := decode(payload)
		if err != nil {
			return
		}
		if r.Holder == "" || r.Epoch == 0 || r.Epoch >= maxEpoch || r.TTL <= 0 || r.TTL > maxTTL {
			t.Fatalf("%q gives %+v", payload, r)
		}
		again, err := encode(pair.Write{Token: token, Record: r})
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > maxPayload { // a holder of characters that JSON writes longer
			return
		}
		r2, token2, err := decode(again)
		if err != nil || r2 != r || token2 != token {
			t.Fatalf("%q became %+v, %d, %v", payload, r2, token2, err)
		}
	})
}
