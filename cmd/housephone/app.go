package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// appEnv is for Home Assistant's app, whose settings come as a file and whose broker is known to the Supervisor.
type appEnv struct {
	Options    string `env:"OPTIONS_FILE" doc:"JSON file of settings: variables in lower case, and a list \"environment\" of NAME=value (default: /data/options.json in Home Assistant's app)"`
	Supervisor string `env:"SUPERVISOR_URL" envDefault:"http://supervisor" doc:"where Home Assistant's app asks for the broker when MQTT_URL is empty"`
	token      string // SUPERVISOR_TOKEN, which the Supervisor sets and no person
}

const (
	supervisorToken = "SUPERVISOR_TOKEN"
	appOptions      = "/data/options.json"
	maxOptions      = 64 << 10
	appVariables    = "environment" // the member that holds NAME=value
)

// configure reads the options of an app and the environment.
func configure(environ map[string]string) (config, error) {
	environ, err := withOptions(environ)
	if err != nil {
		return config{}, err
	}
	cfg, err := load(environ)
	cfg.App.token = environ[supervisorToken]
	return cfg, err
}

// withOptions adds the settings of the options file, which count more than what the image sets. Its errors are one line each.
func withOptions(environ map[string]string) (map[string]string, error) {
	path := environ["OPTIONS_FILE"]
	if path == "" && environ[supervisorToken] != "" {
		path = appOptions
	}
	if path == "" {
		return environ, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("OPTIONS_FILE=%q: %w", path, err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxOptions+1))
	if err == nil && len(text) > maxOptions {
		err = fmt.Errorf("larger than %d KiB", maxOptions>>10)
	}
	var options map[string]any
	if err == nil {
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.UseNumber()
		if err = decoder.Decode(&options); err == nil && decoder.More() {
			err = errors.New("more than one JSON object")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("OPTIONS_FILE=%q: not the JSON object of an app's options: %w", path, err)
	}
	out, err := fromOptions(options)
	if err != nil {
		return nil, fmt.Errorf("OPTIONS_FILE=%q: %w", path, err)
	}
	all := maps.Clone(environ)
	maps.Copy(all, out)
	return all, nil
}

// fromOptions turns options into variables. An option that is empty or null is not set.
func fromOptions(options map[string]any) (map[string]string, error) {
	known := map[string]bool{}
	walk(reflect.TypeFor[config](), func(f reflect.StructField) {
		name := f.Tag.Get("env")
		known[name] = true
		known[name+"_FILE"] = known[name+"_FILE"] || f.Tag.Get("secret") == "true"
	})
	walk(reflect.TypeFor[appEnv](), func(f reflect.StructField) { delete(known, f.Tag.Get("env")) })
	out := map[string]string{}
	set := func(option, name, value string) error {
		if !known[name] {
			return fmt.Errorf("%s: there is no variable %s; housephone -h lists them", option, name)
		}
		if value != "" {
			out[name] = value
		}
		return nil
	}
	for _, option := range slices.Sorted(maps.Keys(options)) {
		value := options[option]
		if option == appVariables {
			if err := environmentOption(value, set); err != nil {
				return nil, err
			}
			continue
		}
		text, err := optionText(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", option, err)
		}
		if err := set(option, strings.ToUpper(option), text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func environmentOption(value any, set func(option, name, value string) error) error {
	list, ok := value.([]any)
	if !ok && value != nil {
		return fmt.Errorf("%s: want a list of NAME=value", appVariables)
	}
	for i, item := range list {
		text, _ := item.(string)
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%s: want NAME=value in entry %d", appVariables, i+1) // what stands there may be a secret
		}
		if err := set(appVariables, strings.TrimSpace(name), value); err != nil {
			return err
		}
	}
	return nil
}

func optionText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	}
	return "", errors.New("want a text, a number, true or false")
}

// findBroker asks the Supervisor, where there is one.
func (s *service) findBroker(ctx context.Context) error {
	found, err := askSupervisor(ctx, &s.cfg)
	switch {
	case err != nil:
		return err
	case found:
		s.log.Info("the Supervisor names the broker", "broker", s.cfg.MQTT.URL)
	case s.cfg.App.token != "" && s.cfg.MQTT.URL == "":
		s.log.Warn("the Supervisor knows no broker, so the embedded one is used; install the Mosquitto app, or set mqtt_url")
	}
	return nil
}

// supervisorPatience bounds the questions to the Supervisor, which starts at the same time.
const (
	supervisorPatience = 30 * time.Second
	supervisorPause    = time.Second
)

// askSupervisor fills in the broker that Home Assistant's Supervisor knows, when no other was set. Without a broker there
// the embedded one is used, and found tells so.
func askSupervisor(ctx context.Context, c *config) (found bool, err error) {
	if c.App.token == "" || c.MQTT.URL != "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, supervisorPatience)
	defer cancel()
	for {
		found, err = askSupervisorOnce(ctx, c)
		if err == nil {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("ask the Supervisor for the broker: %w", err)
		case <-time.After(supervisorPause):
		}
	}
}

func askSupervisorOnce(ctx context.Context, c *config) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.App.Supervisor+"/services/mqtt", nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+c.App.token)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Result  string `json:"result"`
		Message string `json:"message"`
		Data    struct {
			Host     string `json:"host"`
			Port     int    `json:"port"`
			SSL      bool   `json:"ssl"`
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxOptions)).Decode(&answer); err != nil {
		return false, fmt.Errorf("status %d: %w", res.StatusCode, err)
	}
	d := answer.Data
	switch {
	case res.StatusCode == http.StatusBadRequest: // no app offers a broker
		return false, nil
	case res.StatusCode != http.StatusOK || answer.Result != "ok" || d.Host == "" || d.Port == 0:
		return false, fmt.Errorf("status %d: %s", res.StatusCode, answer.Message)
	}
	scheme := "mqtt://"
	if d.SSL {
		scheme = "mqtts://"
	}
	c.MQTT.URL = scheme + net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
	if c.MQTT.Username == "" {
		c.MQTT.Username, c.MQTT.Password = d.Username, d.Password
	}
	return true, nil
}
