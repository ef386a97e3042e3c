package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthPatience is shorter than what container engines grant a health check.
const healthPatience = 4 * time.Second

// errNoHTTP: there is no server that could be asked.
var errNoHTTP = errors.New("there is no /healthz to ask")

// askHealth asks the /healthz of the service that listens on listen, a value of
// HTTP_LISTEN. It is the health check of images that hold no other program.
func askHealth(ctx context.Context, listen string, out io.Writer) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%w: HTTP_LISTEN=%q", errNoHTTP, listen)
	}
	// a socket on all addresses is asked on loopback
	switch ip := net.ParseIP(host); {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	// a proxy in the environment has no business here
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz says %s", res.Status)
	}
	_, err = out.Write(body)
	return err
}
