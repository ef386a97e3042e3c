package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"housephone/phone"
	"housephone/phone/codec"
	"housephone/phone/pin"
)

// The types below read one value and say what is allowed.

type boolean bool

func (b *boolean) UnmarshalText(t []byte) error {
	switch strings.ToLower(string(t)) {
	case "1", "on", "true", "yes":
		*b = true
	case "0", "off", "false", "no":
		*b = false
	default:
		return errors.New("want 0 or 1 (also off, on, false, true)")
	}
	return nil
}

type duration time.Duration

func (d *duration) UnmarshalText(t []byte) error {
	s := string(t)
	if strings.Trim(s, "0123456789.") == "" {
		s += "s"
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return errors.New("want seconds or a time such as 500ms, 30s, 5m")
	}
	*d = duration(v)
	return nil
}

type ports struct{ first, last int }

func (p *ports) UnmarshalText(t []byte) error {
	if n, err := fmt.Sscanf(string(t), "%d-%d", &p.first, &p.last); err != nil || n != 2 || p.first < 1024 || p.last > 65535 || p.last-p.first < 1 ||
		fmt.Sprintf("%d-%d", p.first, p.last) != string(t) {
		return errors.New("want FIRST-LAST within 1024-65535, two ports a call")
	}
	return nil
}

type prefixes []netip.Prefix

func (p *prefixes) UnmarshalText(t []byte) error {
	for s := range strings.SplitSeq(string(t), ",") {
		s = strings.TrimSpace(s)
		if a, err := netip.ParseAddr(s); err == nil {
			*p = append(*p, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		v, err := netip.ParsePrefix(s)
		if err != nil {
			return errors.New("want addresses and CIDRs such as 192.168.1.0/24, separated by commas")
		}
		*p = append(*p, v.Masked())
	}
	return nil
}

type patterns []string

func (p *patterns) UnmarshalText(t []byte) error {
	for s := range strings.SplitSeq(string(t), ",") {
		s = strings.TrimSpace(s)
		if _, err := path.Match(s, ""); err != nil || s == "" {
			return errors.New("want patterns such as 6??, +39*, *@pbx, separated by commas")
		}
		*p = append(*p, s)
	}
	return nil
}

type hours struct{ phone.Hours }

func (h *hours) UnmarshalText(t []byte) error {
	v, err := phone.ParseHours(string(t))
	if err != nil {
		return errors.New("want a part of the day such as 06:00-22:30")
	}
	h.Hours = v
	return nil
}

type list []string

func (l *list) UnmarshalText(t []byte) error {
	for s := range strings.SplitSeq(string(t), ",") {
		if s = strings.TrimSpace(s); s == "" {
			return errors.New("want addresses, separated by commas")
		}
		*l = append(*l, s)
	}
	return nil
}

type codecs []codec.Codec

func (c *codecs) UnmarshalText(t []byte) error {
	for s := range strings.SplitSeq(string(t), ",") {
		v, ok := codec.ByName(strings.TrimSpace(s))
		if !ok {
			var names []string
			for _, k := range codec.Table() {
				if name := strings.ToLower(k.Name); !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
			return fmt.Errorf("want some of %s, separated by commas", strings.Join(names, ", "))
		}
		*c = append(*c, v)
	}
	return nil
}

type pins pin.Set

func (p *pins) UnmarshalText(t []byte) error {
	s, err := pin.Parse(string(t))
	*p = pins(s)
	return err
}

type volume int

func (v *volume) UnmarshalText(t []byte) error {
	if strings.EqualFold(string(t), "off") {
		*v = 0
		return nil
	}
	var n int
	if _, err := fmt.Sscanf(string(t), "%d", &n); err != nil || n < 0 || n > 20 || fmt.Sprint(n) != string(t) {
		return errors.New("want off or 1 to 20")
	}
	*v = volume(n)
	return nil
}
