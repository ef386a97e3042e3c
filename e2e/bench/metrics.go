package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"housephone/e2e/peers"
)

// paced is how late frames were sent, by the service's own histogram.
type paced struct {
	bounds []float64 // seconds, rising; the last is infinite
	counts []float64 // frames up to each bound
}

const latenessBucket = `housephone_media_lateness_seconds_bucket{le="`

// paced reads the histogram; empty where the service has none.
func (s *subject) paced(ctx context.Context) (paced, error) {
	if s.web == 0 {
		return paced{}, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+peers.Loopback(s.web)+"/metrics", nil)
	if err != nil {
		return paced{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return paced{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return paced{}, err
	}
	return readPaced(string(text))
}

func readPaced(text string) (p paced, err error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), latenessBucket)
		if !ok {
			continue
		}
		bound, count, ok := strings.Cut(rest, `"} `)
		if !ok {
			return p, fmt.Errorf("metrics: %q", line)
		}
		le, err1 := strconv.ParseFloat(bound, 64)
		n, err2 := strconv.ParseFloat(count, 64)
		if err1 != nil || err2 != nil {
			return p, errors.Join(err1, err2)
		}
		p.bounds, p.counts = append(p.bounds, le), append(p.counts, n)
	}
	return p, nil
}

// quantile is the bound below which the share q of the frames since before lies: an upper limit of the true value.
// What lies beyond all bounds is told as twice the last one.
func (p paced) quantile(before paced, q float64) (time.Duration, bool) {
	if len(p.counts) == 0 || len(before.counts) != len(p.counts) {
		return 0, false
	}
	last := len(p.counts) - 1
	all := p.counts[last] - before.counts[last]
	if all <= 0 {
		return 0, false
	}
	for i, bound := range p.bounds {
		if p.counts[i]-before.counts[i] < q*all {
			continue
		}
		if math.IsInf(bound, 1) {
			bound = 2 * p.bounds[i-1]
		}
		return time.Duration(bound * float64(time.Second)), true
	}
	return 0, false
}
