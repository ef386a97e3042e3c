package wyoming

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReadBothLayouts reads what the reference library writes (data behind the
// line) and what others write (data in the line).
func TestReadBothLayouts(t *testing.T) {
	type chunk struct {
		Rate, Width, Channels int
		Timestamp             *int
	}
	for _, tc := range []struct{ name, input string }{
		{"behind", "{\"type\": \"audio-chunk\", \"version\": \"1.10.2\", \"data_length\": 61, \"payload_length\": 4}\n{\"rate\": 22050, \"width\": 2, \"channels\": 1, \"timestamp\": null}abcd"},
		{"inline", `{"type":"audio-chunk","data":{"rate":22050,"width":2,"channels":1},"payload_length":4}` + "\nabcd"},
		{"both, the second wins", `{"type":"audio-chunk","data":{"rate":1,"width":2,"channels":1},"data_length":14,"payload_length":4}` + "\n{\"rate\":22050}abcd"},
		{"null data", `{"type":"audio-chunk","data":null,"data_length":40,"payload_length":4}` + "\n{\"rate\":22050,\"width\":2,\"channels\":1   }abcd"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(tc.input))
			e, err := Read(r, DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			var c chunk
			if err := e.Decode(&c); err != nil {
				t.Fatal(err)
			}
			if e.Type != "audio-chunk" || c != (chunk{22050, 2, 1, nil}) || string(e.Payload) != "abcd" {
				t.Errorf("%+v %+v", e, c)
			}
			if _, err := Read(r, DefaultLimits()); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %v", err)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	small := Limits{Header: 200, Data: 20, Payload: 20}
	for name, tc := range map[string]struct {
		input string
		want  error
	}{
		"no JSON":            {"hello\n", ErrProtocol},
		"no type":            {"{}\n", ErrProtocol},
		"array":              {"[]\n", ErrProtocol},
		"endless line":       {strings.Repeat("x", 1000), ErrProtocol},
		"half a line":        {`{"type":"x"`, io.ErrUnexpectedEOF},
		"huge data":          {`{"type":"x","data_length":2000000000}` + "\n", ErrProtocol},
		"huge payload":       {`{"type":"x","payload_length":21}` + "\n", ErrProtocol},
		"negative":           {`{"type":"x","payload_length":-1}` + "\n", ErrProtocol},
		"data cut":           {`{"type":"x","data_length":9}` + "\n{}", io.ErrUnexpectedEOF},
		"payload cut":        {`{"type":"x","payload_length":9}` + "\nabc", io.ErrUnexpectedEOF},
		"data is a list":     {`{"type":"x","data_length":2}` + "\n[]", ErrProtocol},
		"length as a string": {`{"type":"x","data_length":"2"}` + "\n{}", ErrProtocol},
	} {
		if _, err := Read(bufio.NewReader(strings.NewReader(tc.input)), small); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// TestRequests compares whole requests with golden bytes.
func TestRequests(t *testing.T) {
	for _, tc := range []struct {
		file string
		s    Synthesis
	}{
		{"synthesize.txt", Synthesis{Text: "Grüß Gott\n"}},
		{"synthesize-voice.txt", Synthesis{Text: "hello", Voice: Selection{Name: "en_US-lessac-medium"}}},
		{"synthesize-streaming.txt", Synthesis{Text: "hello", Voice: Selection{Language: "en"}, Streaming: true}},
	} {
		var sent bytes.Buffer
		c := NewConn(&sent, DefaultLimits())
		if err := c.request(tc.s); err != nil {
			t.Fatal(err)
		}
		if want := golden(t, tc.file); !bytes.Equal(sent.Bytes(), want) {
			t.Errorf("%s: sent\n%s\nwant\n%s", tc.file, sent.Bytes(), want)
		}
	}
}

// script is a server that answers every request with the same bytes.
func script(t *testing.T, answer string) *Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = server.Close() }()
		r := bufio.NewReader(server)
		for {
			e, err := Read(r, DefaultLimits())
			if err != nil {
				return
			}
			if e.Type == "describe" || e.Type == "synthesize" {
				if _, err := io.WriteString(server, answer); err != nil {
					return
				}
			}
		}
	}()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = l.Close(); <-done })
	return NewConn(client, DefaultLimits())
}

func chunk(rate, width, channels int, payload string) string {
	data := fmt.Sprintf(`{"rate":%d,"width":%d,"channels":%d}`, rate, width, channels)
	return fmt.Sprintf("{\"type\":\"audio-chunk\",\"data_length\":%d,\"payload_length\":%d}\n%s%s", len(data), len(payload), data, payload)
}

const stop = `{"type":"audio-stop"}` + "\n"

func TestSynthesize(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		streaming    bool
		pcm          []int16
		want         error
	}{
		{"16 bit", `{"type":"audio-start"}` + "\n" + chunk(22050, 2, 1, "\x01\x00\xff\xff") + chunk(22050, 2, 1, "\x00\x80") + stop, false, []int16{1, -1, -32768}, nil},
		{"8 bit", chunk(22050, 1, 1, "\x01\xff") + stop, false, []int16{256, -256}, nil},
		{"24 bit stereo", chunk(22050, 3, 2, "\x00\x02\x00\x00\x04\x00") + stop, false, []int16{3}, nil},
		{"32 bit", chunk(22050, 4, 1, "\x00\x00\x05\x00\x00\x00\xfb\xff") + stop, false, []int16{5, -5}, nil},
		{"odd bytes", chunk(22050, 2, 1, "\x01\x00\x02") + stop, false, []int16{1}, nil},
		{"unknown events between", `{"type":"pong"}` + "\n" + chunk(22050, 2, 1, "\x01\x00") + `{"type":"x"}` + "\n" + stop, false, []int16{1}, nil},
		{"several groups", chunk(22050, 2, 1, "\x01\x00") + stop + chunk(22050, 2, 1, "\x02\x00") + stop + `{"type":"synthesize-stopped"}` + "\n", true, []int16{1, 2}, nil},
		{"error", `{"type":"error","data":{"text":"no such voice","code":"voice"}}` + "\n", false, nil, ServerError{"no such voice", "voice"}},
		{"no sound", stop, false, nil, ErrSound},
		{"rate changes", chunk(22050, 2, 1, "\x01\x00") + chunk(16000, 2, 1, "\x01\x00"), false, nil, ErrSound},
		{"bad format", chunk(22050, 9, 1, "123456789"), false, nil, ErrSound},
		{"no format", `{"type":"audio-chunk","payload_length":2}` + "\nab", false, nil, ErrSound},
		{"endless", strings.Repeat(chunk(22050, 2, 1, strings.Repeat("\x00", 40000)), 3), false, nil, ErrSound},
		{"noise", strings.Repeat(`{"type":"x"}`+"\n", 70), false, nil, ErrProtocol},
		{"not wyoming", "HTTP/1.1 400 Bad Request\r\n\r\n", false, nil, ErrProtocol},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pcm, rate, err := script(t, tc.answer).Synthesize(Synthesis{Text: "x", Streaming: tc.streaming, MaxSeconds: 1})
			if !errors.Is(err, tc.want) || !reflect.DeepEqual(pcm, tc.pcm) || err == nil && rate != 22050 {
				t.Errorf("%v at %d, %v; want %v, %v", pcm, rate, err, tc.pcm, tc.want)
			}
		})
	}
}

func TestServerThatLeaves(t *testing.T) {
	client, server := net.Pipe()
	go func() {
		b := make([]byte, 1024)
		server.Read(b) //nolint:errcheck // leaves in any case
		_ = server.Close()
	}()
	defer func() { _ = client.Close() }()
	if _, err := NewConn(client, DefaultLimits()).Describe(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("describe: %v", err)
	}
}

// TestDescribe reads what a server of the reference library sends.
func TestDescribe(t *testing.T) {
	info, err := script(t, string(golden(t, "info.txt"))).Describe()
	if err != nil {
		t.Fatal(err)
	}
	want := Info{TTS: []Program{{
		Name: "espeak", Installed: true, Streaming: true,
		Voices: []Voice{{Name: "en", Languages: []string{"en", "en_US"}, Installed: true}, {Name: "gone", Languages: []string{"fr"}}},
	}}}
	if !reflect.DeepEqual(info, want) {
		t.Errorf("%+v\nwant %+v", info, want)
	}
}

// FuzzRead: what is read and written again reads the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(chunk(16000, 2, 1, "abcd") + stop))
	f.Add([]byte(`{"type":"x","data":{"a":1},"data_length":7}` + "\n" + `{"b":2}`))
	f.Add([]byte(`{"type":"x","payload_length":99999999}` + "\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		limits := Limits{Header: 4096, Data: 4096, Payload: 4096}
		r := bufio.NewReaderSize(bytes.NewReader(input), 16)
		for {
			e, err := Read(r, limits)
			if err != nil {
				return
			}
			var b bytes.Buffer
			if err := Write(&b, e); err != nil {
				t.Fatal(err)
			}
			again, err := Read(bufio.NewReader(&b), DefaultLimits())
			if err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
			if again.Type != e.Type || !bytes.Equal(again.Payload, e.Payload) || len(again.Data) != len(e.Data) {
				t.Errorf("%+v became %+v", e, again)
			}
			if e.Type == "audio-chunk" {
				if pcm, rate, err := decode(e); err == nil && (rate == 0 || len(pcm) > len(e.Payload)) {
					t.Errorf("%d samples of %d bytes at %d Hz", len(pcm), len(e.Payload), rate)
				}
			}
		}
	})
}
