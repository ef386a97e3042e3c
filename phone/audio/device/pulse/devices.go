package pulse

import (
	"context"
	"fmt"
)

// Device is a source or sink of the server.
type Device struct {
	Name        string // stable: made from the bus path and the product
	Description string // for people
	Capture     bool   // a source; else a sink
	Default     bool   // what streams without a device name use
	Monitor     bool   // a source that gives what a sink plays
	Driver      string // the module that made it, such as module-alsa-card.c
}

// Devices lists the server's sources and sinks.
func Devices(ctx context.Context, getenv func(string) string) ([]Device, error) {
	c, err := Dial(ctx, getenv)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing is lost with it
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	return c.devices()
}

func (c *Conn) devices() ([]Device, error) {
	r, err := c.ask(cmdGetServerInfo, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("server info: %w", err)
	}
	r.skip(5) // package, its version, user, host, sample spec
	sink, source := r.str(), r.str()
	if r.err != nil {
		return nil, fmt.Errorf("server info: %w", r.err)
	}
	r, err = c.ask(cmdSourceInfoList, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("list of sources: %w", err)
	}
	list, err := parseDevices(r, true, source)
	if err != nil {
		return nil, fmt.Errorf("list of sources: %w", err)
	}
	r, err = c.ask(cmdSinkInfoList, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("list of sinks: %w", err)
	}
	sinks, err := parseDevices(r, false, sink)
	if err != nil {
		return nil, fmt.Errorf("list of sinks: %w", err)
	}
	return append(list, sinks...), nil
}

// parseDevices reads a list as servers send it to clients of version 14.
// Sources and sinks differ only in the meaning of one index.
func parseDevices(r *reader, capture bool, byDefault string) ([]Device, error) {
	var list []Device
	for len(r.b) > 0 {
		r.skip(1) // index
		d := Device{Name: r.str(), Description: r.str(), Capture: capture}
		r.skip(5) // sample spec, channel map, module, volume, mute
		d.Monitor = r.u32() != undefined && capture
		r.skip(2) // name of the monitor, latency
		d.Driver = r.str()
		r.skip(3) // flags, properties, configured latency
		if r.err != nil {
			return nil, r.err
		}
		d.Default = d.Name == byDefault
		list = append(list, d)
	}
	return list, r.err
}
