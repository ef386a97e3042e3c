package bridge

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/google/go-cmp/cmp"
)

func publishBytes(t testing.TB, topic string, payload []byte) []byte {
	t.Helper()
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID = topic, payload, 1, 7
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTrimmer(t *testing.T) {
	ack := []byte{packets.Puback << 4, 2, 0, 1}
	short := publishBytes(t, "a", []byte("short"))
	exact := publishBytes(t, "a", bytes.Repeat([]byte{'x'}, 1000-2-1-2))
	long := publishBytes(t, "topic", bytes.Repeat([]byte{'y'}, 1<<20))
	stream := bytes.Join([][]byte{ack, short, exact, long, ack, long, short}, nil)

	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream))} {
		in := newTrimmer(r, 1000)
		var got []string
		for {
			cp, err := packets.ReadPacket(in)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if p, ok := cp.(*packets.PublishPacket); ok {
				got = append(got, p.TopicName+" "+string(p.Payload[:1])+" "+strings.Repeat(".", len(p.Payload)/100))
				if p.MessageID != 7 || p.Qos != 1 {
					t.Errorf("%s: header lost: %v", name, p)
				}
			} else {
				got = append(got, "ack")
			}
		}
		want := []string{"ack", "a s ", "a x .........", "topic y .........", "ack", "topic y .........", "a s "}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTrimmerErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		in   []byte
		want error // nil: any
	}{
		"end between packets":  {nil, io.EOF},
		"end in the length":    {[]byte{0x30, 0x80}, io.ErrUnexpectedEOF},
		"length of five bytes": {[]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01}, nil},
		"long CONNACK":         {[]byte{0x20, 0xff, 0xff, 0xff, 0x7f}, nil},
		"end in the body":      {[]byte{0x30, 9, 'a'}, io.EOF},
	} {
		_, err := io.Copy(io.Discard, onlyReader{newTrimmer(bytes.NewReader(tt.in), 1000)})
		if err == nil {
			err = io.EOF // io.Copy's word for it
		}
		if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type onlyReader struct{ io.Reader }

// FuzzTrimmer: what comes out is a sequence of packets within the limit, each a prefix of the body that went in.
func FuzzTrimmer(f *testing.F) {
	f.Add(publishBytes(f, "a", bytes.Repeat([]byte{1}, 300)), 100)
	f.Add([]byte{0x20, 2, 0, 0, 0x30, 0xff, 0xff, 0xff, 0xff}, 10)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		if limit < 5 || limit > 1000 {
			return
		}
		out, _ := io.ReadAll(newTrimmer(bytes.NewReader(stream), limit))
		in := bytes.NewReader(stream)
		for r := bytes.NewReader(out); r.Len() > 0; {
			first, _ := r.ReadByte()
			n, err := readLength(r)
			if err != nil || n > limit {
				t.Fatalf("packet of %d bytes, %v", n, err)
			}
			if want, _ := in.ReadByte(); want != first {
				t.Fatalf("first byte %x, want %x", first, want)
			}
			was, err := readLength(in)
			if err != nil || was != n && (was < n || n != limit) {
				t.Fatalf("%d bytes became %d, %v", was, n, err)
			}
			got, want := make([]byte, n), make([]byte, was)
			gn, _ := io.ReadFull(r, got)
			wn, _ := io.ReadFull(in, want)
			if gn > wn || !bytes.Equal(got[:gn], want[:gn]) {
				t.Fatalf("body changed")
			}
		}
	})
}
