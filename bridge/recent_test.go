package bridge

import (
	"fmt"
	"testing"
	"time"
)

func key(s string) digest { return digestOf([]byte(s)) }

func TestRecent(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	r := newRecent(10*time.Second, 3)
	r.add(key("a"), at(0))
	for _, tt := range []struct {
		key  string
		at   int
		want bool
	}{{"a", 0, true}, {"a", 9, true}, {"a", 10, false}, {"b", 1, false}} {
		if got := r.seen(key(tt.key), at(tt.at)); got != tt.want {
			t.Errorf("seen(%s) at %d s = %v, want %v", tt.key, tt.at, got, tt.want)
		}
	}

	r.add(key("a"), at(8)) // seen again: the time counts from here
	r.add(key("b"), at(12))
	if !r.seen(key("a"), at(17)) {
		t.Error("a thing seen twice is forgotten with its first sighting")
	}
	for i := range 3 {
		r.add(key(fmt.Sprint(i)), at(13))
	}
	if r.seen(key("b"), at(13)) {
		t.Error("the limit does not push the oldest out")
	}
}

func TestRecentIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRecent(10*time.Second, 1024)
	for i := range 100000 {
		r.add(key(fmt.Sprint(i)), now.Add(time.Duration(i)*time.Microsecond))
	}
	if len(r.at) > 1024 || len(r.order) > 1024 || cap(r.order) > 8*1024 {
		t.Errorf("%d keys, %d sightings (room for %d)", len(r.at), len(r.order), cap(r.order))
	}
}

func TestDigestTellsPartsApart(t *testing.T) {
	if digestOf([]byte("ab"), []byte("c")) == digestOf([]byte("a"), []byte("bc")) {
		t.Error("ab+c and a+bc are the same")
	}
}
