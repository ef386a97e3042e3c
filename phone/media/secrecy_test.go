package media

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"housephone/phone/codec"
	"housephone/phone/sdes"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// derive is the key derivation of RFC 3711 4.3.1 with a rate of 0.
func derive(t testing.TB, master, salt []byte, label byte, n int) []byte {
	t.Helper()
	x := make([]byte, 16)
	copy(x, salt)
	x[7] ^= label
	block, err := aes.NewCipher(master)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, n)
	cipher.NewCTR(block, x).XORKeyStream(out, out)
	return out
}

// seal is SRTP by the book: RFC 3711 4.1.1 and 4.2.1 for counter mode, RFC 7714 8 for GCM.
func seal(t testing.TB, s sdes.Suite, k sdes.Key, roc uint32, packet []byte) []byte {
	t.Helper()
	n, _, _ := s.Lengths()
	master, salt := k.Octets()[:n], k.Octets()[n:]
	block, err := aes.NewCipher(derive(t, master, salt, 0, n))
	if err != nil {
		t.Fatal(err)
	}
	session := derive(t, master, salt, 2, len(salt))
	if s == sdes.AES128GCM || s == sdes.AES256GCM {
		return sealGCM(t, block, session, roc, packet)
	}
	iv := make([]byte, 16)
	copy(iv, session)
	for i, b := range packet[8:12] {
		iv[4+i] ^= b
	}
	index := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(nil, roc), binary.BigEndian.Uint16(packet[2:]))
	for i, b := range index {
		iv[8+i] ^= b
	}
	out := bytes.Clone(packet)
	cipher.NewCTR(block, iv).XORKeyStream(out[12:], packet[12:])
	mac := hmac.New(sha1.New, derive(t, master, salt, 1, 20))
	mac.Write(out)
	mac.Write(index[:4])
	tag := 10
	if s == sdes.AES128CM32 || s == sdes.AES256CM32 {
		tag = 4
	}
	return append(out, mac.Sum(nil)[:tag]...)
}

func sealGCM(t testing.TB, block cipher.Block, salt []byte, roc uint32, packet []byte) []byte {
	t.Helper()
	iv := make([]byte, 12)
	copy(iv[2:], packet[8:12])
	binary.BigEndian.PutUint32(iv[6:], roc)
	copy(iv[10:], packet[2:4])
	for i := range iv {
		iv[i] ^= salt[i]
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm.Seal(bytes.Clone(packet[:12]), iv, packet[12:], packet[:12])
}

// TestTheReference checks the functions above with the vectors of the RFCs.
func TestTheReference(t *testing.T) {
	master, salt := unhex(t, "e1f97a0d3e018be0d64fa32c06de4139"), unhex(t, "0ec675ad498afeebb6960b3aabe6")
	for label, want := range []string{ // RFC 3711 B.3
		"c61e7a93744f39ee10734afe3ff7a087", "cebe321f6ff7716b6fd4ab49af256a156d38baa4", "30cbbc08863d8c85d49db34a9ae1",
	} {
		if got := derive(t, master, salt, byte(label), len(want)/2); hex.EncodeToString(got) != want {
			t.Errorf("label %d: %x, want %s", label, got, want)
		}
	}
	// RFC 7714 16.1.1
	key, err := aes.NewCipher(unhex(t, "000102030405060708090a0b0c0d0e0f"))
	if err != nil {
		t.Fatal(err)
	}
	packet := append(unhex(t, "8040f17b8041f8d35501a0b2"), "Gallia est omnis divisa in partes tres"...)
	got := sealGCM(t, key, unhex(t, "517569642070726f2071756f"), 0, packet)
	if want := "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"; hex.EncodeToString(got) != want {
		t.Errorf("%x, want %s", got, want)
	}
}

func keys(t testing.TB, s sdes.Suite) sdes.SRTP {
	t.Helper()
	a, err := sdes.NewKey(rand.Reader, s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := sdes.NewKey(rand.Reader, s)
	if err != nil {
		t.Fatal(err)
	}
	return sdes.SRTP{Suite: s, LocalKey: a, RemoteKey: b}
}

// mirror is the same seen from the far end.
func mirror(s sdes.SRTP) sdes.SRTP {
	return sdes.SRTP{Suite: s.Suite, LocalKey: s.RemoteKey, RemoteKey: s.LocalKey}
}

func plain(t testing.TB, h rtp.Header, payload []byte) []byte {
	t.Helper()
	h.Version = 2
	raw, err := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// far encrypts what a far end sends.
type far struct{ *protector }

func newFar(t testing.TB, s sdes.SRTP) far {
	t.Helper()
	p, err := newProtector(mirror(s))
	if err != nil {
		t.Fatal(err)
	}
	return far{p}
}

func (f far) packet(t testing.TB, h rtp.Header, payload []byte) []byte {
	t.Helper()
	raw := plain(t, h, payload)
	out, err := f.rtp(append(make([]byte, 0, 2048), raw...), len(raw))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEverySuiteIsWhatTheRFCSays(t *testing.T) {
	for _, suite := range sdes.Suites() {
		s := keys(t, suite)
		p, err := newProtector(s)
		if err != nil {
			t.Fatal(err)
		}
		u, err := newUnprotector(mirror(s))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 200 { // over a roll of the sequence number
			seq := uint16(65436 + i)
			raw := plain(t, rtp.Header{SSRC: 0xcafebabe, SequenceNumber: seq, Timestamp: uint32(i)}, bytes.Repeat([]byte{byte(i)}, i))
			want := seal(t, suite, s.LocalKey, uint32(65436+i)>>16, raw)
			got, err := p.rtp(append(make([]byte, 0, 2048), raw...), len(raw))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, packet %d: %v\n%x, want\n%x", suite, i, err, got, want)
			}
			back, ok := u.rtp(got, 0)
			if !ok || !bytes.Equal(back, raw) {
				t.Fatalf("%s, packet %d does not come back: %x", suite, i, back)
			}
			if _, ok := u.rtp(got, 0); ok {
				t.Fatalf("%s, packet %d is accepted twice", suite, i)
			}
			got[len(got)-1] ^= 1
			if _, ok := u.rtp(got, 0); ok {
				t.Fatalf("%s, packet %d is accepted with a wrong tag", suite, i)
			}
		}
	}
}

func secure(t testing.TB, p Params, s sdes.SRTP) Params {
	t.Helper()
	p.SRTP = s
	return p
}

func TestSecureSoundBothWays(t *testing.T) {
	e := engine(t, Config{})
	for _, suite := range sdes.Suites() {
		t.Run(string(suite), func(t *testing.T) {
			t.Parallel()
			a, b := open(t, e), open(t, e)
			s := keys(t, suite)
			apply(t, a, secure(t, params(t, b.LocalPort()), s))
			apply(t, b, secure(t, params(t, a.LocalPort()), mirror(s)))
			var atA, atB recorder
			a.SetSource(sine(t, 440))
			b.SetSource(sine(t, 880))
			a.SetSink(&atA)
			b.SetSink(&atB)
			until(t, "a hears 880 Hz", hears(&atA, 880))
			until(t, "b hears 440 Hz", hears(&atB, 440))
			if err := a.SendDTMF("5", nil); err != nil {
				t.Fatal(err)
			}
			until(t, "b gets the key", func() bool { return b.Stats().DTMFReceived == 1 })
			until(t, "a report is read", func() bool {
				a.rxMu.Lock()
				defer a.rxMu.Unlock()
				return a.rx.report.reports > 0
			})
			if st := a.Stats(); st.AuthFailed != 0 || st.Malformed != 0 {
				t.Errorf("%d not authentic, %d malformed", st.AuthFailed, st.Malformed)
			}
		})
	}
}

// TestHoldKeepsTheCounters goes over a roll of the sequence number, a hold and a refresh.
func TestHoldKeepsTheCounters(t *testing.T) {
	peer := listenRaw(t)
	s := idle(t, peer.port())
	k := keys(t, sdes.AES128CM80)
	p := secure(t, params(t, peer.port()), k)
	s.tx.header.SequenceNumber = 65530
	apply(t, s, p)
	u, err := newUnprotector(mirror(k))
	if err != nil {
		t.Fatal(err)
	}
	f := newFar(t, k)
	seq := uint16(65530)
	both := func(n int) {
		t.Helper()
		for range n {
			s.send(0)
			buf := make([]byte, 2048)
			_ = peer.rtp.SetReadDeadline(time.Now().Add(5 * time.Second))
			m, err := peer.rtp.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := u.rtp(buf[:m], 0); !ok {
				t.Fatal("the far end cannot read a packet")
			}
			s.receiveRTP(f.packet(t, rtp.Header{SSRC: 5, SequenceNumber: seq, Timestamp: 160 * uint32(seq)}, make([]byte, 160)), peer.addr(), 0)
			seq++
		}
	}
	both(20)
	hold := p
	hold.Receive, hold.Send = false, false
	apply(t, s, hold)
	apply(t, s, p)
	both(20)
	apply(t, s, p)
	both(20)
	if st := s.Stats(); st.AuthFailed != 0 || st.Received != 60 {
		t.Errorf("%d of 60 packets, %d refused", st.Received, st.AuthFailed)
	}
	if roc, _ := u.now.ROC(s.ssrc); roc != 1 {
		t.Errorf("roll-over counter %d, want 1", roc)
	}
}

// TestRekey changes the keys of a call after a roll of the sequence number. The far end's
// counter may go on (RFC 3711) or begin anew (as many do it), and its last packets under
// the old key may be late.
func TestRekey(t *testing.T) {
	for _, anew := range []bool{false, true} {
		s := idle(t, 4000)
		from := params(t, 4000).Remote
		k := keys(t, sdes.AES128CM80)
		apply(t, s, secure(t, params(t, 4000), k))
		old := newFar(t, k)
		header := func(i int) rtp.Header {
			return rtp.Header{SSRC: 5, SequenceNumber: uint16(65530 + i), Timestamp: 160 * uint32(i)}
		}
		for i := range 20 {
			s.receiveRTP(old.packet(t, header(i), make([]byte, 160)), from, 0)
		}
		late := old.packet(t, header(20), make([]byte, 160))
		next := keys(t, sdes.AES256GCM)
		apply(t, s, secure(t, params(t, 4000), next))
		fresh := newFar(t, next)
		if !anew {
			fresh.context.SetROC(5, 1)
		}
		now := s.engine.clock.now()
		s.receiveRTP(fresh.packet(t, header(21), make([]byte, 160)), from, now)
		s.receiveRTP(late, from, now)
		for i := 22; i < 40; i++ {
			s.receiveRTP(fresh.packet(t, header(i), make([]byte, 160)), from, now)
		}
		if st := s.Stats(); st.AuthFailed != 0 || st.Received != 40 {
			t.Errorf("anew %v: %d of 40 packets, %d refused", anew, st.Received, st.AuthFailed)
		}
		s.receiveRTP(old.packet(t, header(41), make([]byte, 160)), from, now+oldKeyFor+time.Second)
		if st := s.Stats(); st.AuthFailed != 1 || st.Received != 40 {
			t.Errorf("anew %v: the old key opens for ever", anew)
		}
	}
}

// TestRollOverCounterWeSend: it goes on with a new key, begins anew for a new far end, and
// never goes back under a key.
func TestRollOverCounterWeSend(t *testing.T) {
	s := idle(t, 4000)
	a, b, c := keys(t, sdes.AES128CM80), keys(t, sdes.AES128CM80), keys(t, sdes.AES128CM80)
	s.tx.header.SequenceNumber = 65535
	roc := func() uint32 {
		s.send(0)
		roc, _ := s.tx.out.context.ROC(s.ssrc)
		return roc
	}
	apply(t, s, secure(t, params(t, 4000), a))
	if s.send(0); roc() != 1 {
		t.Error("no roll")
	}
	if apply(t, s, secure(t, params(t, 4000), b)); roc() != 1 {
		t.Error("a new key begins anew")
	}
	if apply(t, s, secure(t, params(t, 4002), c)); roc() != 0 {
		t.Error("a new far end gets the old counter")
	}
	if apply(t, s, secure(t, params(t, 4002), a)); roc() != 1 { // a re-INVITE that failed after its answer
		t.Error("the counter went back under a key")
	}
	apply(t, s, params(t, 4002))
	s.tx.header.SequenceNumber, s.tx.wraps = 5, 2
	if apply(t, s, secure(t, params(t, 4004), a)); roc() != 2 {
		t.Error("the counter went back under a key after sound in the clear")
	}
}

// TestForgedPacketsTeachNothing sprays a call from its own far address, and from beside it.
func TestForgedPacketsTeachNothing(t *testing.T) {
	s := idle(t, 4000)
	var got recorder
	s.SetSink(&got)
	p := params(t, 4000)
	k := keys(t, sdes.AES128CM80)
	apply(t, s, secure(t, p, k))
	f := newFar(t, k)
	beside := listenRaw(t).addr()
	forger := newFar(t, keys(t, sdes.AES128CM80))
	key := eventPacket{event: 5, duration: 160}.payload()
	loud := bytes.Repeat([]byte{0x80, 0}, 80)
	tone, pcm, payload := sine(t, 440), make([]int16, 160), make([]byte, 160)
	enc, err := pcmu(t).NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	forged := uint64(0)
	for i := range 100 {
		now := time.Duration(i) * 20 * ms
		tone.Read(pcm)
		enc.Encode(payload, pcm)
		h := rtp.Header{SSRC: 5, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}
		good := f.packet(t, h, payload)
		s.receiveRTP(good, p.Remote, now)
		damaged := bytes.Clone(good)
		damaged[20] ^= 4
		event := h
		event.PayloadType = 101
		for _, raw := range [][]byte{
			good, damaged, good[:len(good)-1], good[:12], plain(t, h, loud), plain(t, rtp.Header{SSRC: 6, SequenceNumber: uint16(i)}, loud),
			forger.packet(t, h, loud), forger.packet(t, event, key[:]),
		} {
			s.receiveRTP(raw, p.Remote, now)
			forged++
		}
		for j := range 4 { // a better port by the rules of plain RTP
			s.receiveRTP(forger.packet(t, rtp.Header{SSRC: 7, SequenceNumber: uint16(4*i + j)}, loud), beside, now)
		}
		s.receiveRTCP([]byte{0x81, 203, 0, 1, 0, 0, 0, 5}, p.RemoteRTCP, now)
		s.play(now + 10*ms)
	}
	st := s.Stats()
	if st.Received != 100 || st.DTMFReceived != 0 || st.AuthFailed < forged || st.Remote != p.Remote || st.Panics != 0 {
		t.Errorf("%d received, %d keys, %d of %d refused, goes to %v", st.Received, st.DTMFReceived, st.AuthFailed, forged, st.Remote)
	}
	if !hears(&got, 440)() || st.Lost != 0 || st.Duplicates != 0 || st.Late != 0 || st.JitterMS > 1 {
		t.Errorf("the call suffers: %+v", st)
	}
	if s.rx.session.in.sources != 1 {
		t.Errorf("%d sources are remembered", s.rx.session.in.sources)
	}
}

// TestForgedPacketsLockNothing is the same before the far end is known by its port.
func TestForgedPacketsLockNothing(t *testing.T) {
	s := idle(t, 4000)
	p := params(t, 4000)
	k := keys(t, sdes.AES128CM80)
	apply(t, s, secure(t, p, k))
	forger, real := newFar(t, keys(t, sdes.AES128CM80)), newFar(t, k)
	stranger, symmetric := listenRaw(t).addr(), listenRaw(t).addr()
	for i := range 20 {
		s.receiveRTP(forger.packet(t, rtp.Header{SSRC: 7, SequenceNumber: uint16(i)}, make([]byte, 160)), stranger, 0)
	}
	if st := s.Stats(); st.Remote != p.Remote || st.LastPacket != -1 {
		t.Errorf("media goes to %v", st.Remote)
	}
	for i := range 4 {
		s.receiveRTP(real.packet(t, rtp.Header{SSRC: 8, SequenceNumber: uint16(i)}, make([]byte, 160)), symmetric, 0)
	}
	if st := s.Stats(); st.Remote != symmetric {
		t.Errorf("media goes to %v, want %v", st.Remote, symmetric)
	}
}

func TestSourcesUnderOneKeyAreBounded(t *testing.T) {
	k := keys(t, sdes.AES256GCM)
	u, err := newUnprotector(k)
	if err != nil {
		t.Fatal(err)
	}
	f, accepted := newFar(t, k), 0
	for i := range 1000 {
		if _, ok := u.rtp(f.packet(t, rtp.Header{SSRC: uint32(i)}, make([]byte, 160)), 0); ok {
			accepted++
		}
		raw, err := f.rtcp([]byte{0x80, 201, 0, 1, 1, 0, byte(i >> 8), byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := u.rtcp(raw, 0); ok {
			accepted++
		}
	}
	if accepted != sourcesAllowed {
		t.Errorf("%d sources, want %d", accepted, sourcesAllowed)
	}
}

func TestMKI(t *testing.T) {
	k := keys(t, sdes.AES128CM32)
	k.RemoteMKI = "\x00\x00\x00\x01"
	u, err := newUnprotector(k)
	if err != nil {
		t.Fatal(err)
	}
	raw := plain(t, rtp.Header{SSRC: 9, SequenceNumber: 3}, make([]byte, 160))
	sealed := seal(t, k.Suite, k.RemoteKey, 0, raw)
	tag := sealed[len(sealed)-4:]
	with := append(append(bytes.Clone(sealed[:len(sealed)-4]), k.RemoteMKI...), tag...) // RFC 3711 3.1
	if back, ok := u.rtp(with, 0); !ok || !bytes.Equal(back, raw) {
		t.Errorf("%v %x", ok, back)
	}
	if _, ok := u.rtp(sealed, 0); ok {
		t.Error("accepted without MKI")
	}
}

func TestSecureReports(t *testing.T) {
	a, peer := open(t, engine(t, Config{})), listenRaw(t)
	k := keys(t, sdes.AES128CM80)
	apply(t, a, secure(t, params(t, peer.port()), k))
	u, err := newUnprotector(mirror(k))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	_ = peer.rtcp.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, from, err := peer.rtcp.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatal(err)
	}
	clear, ok := u.rtcp(buf[:n], 0)
	if !ok {
		t.Fatal("the report cannot be read")
	}
	packets, err := rtcp.Unmarshal(clear)
	if err != nil {
		t.Fatal(err)
	}
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok {
		t.Fatalf("%T", packets[0])
	}
	rr, err := (&rtcp.ReceiverReport{SSRC: 77, Reports: []rtcp.ReceptionReport{{SSRC: sr.SSRC, FractionLost: 64}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := peer.rtcp.WriteToUDPAddrPort(rr, from); err != nil { // in the clear
		t.Fatal(err)
	}
	until(t, "it is refused", func() bool { return a.Stats().AuthFailed == 1 })
	if a.Stats().RemoteLossPercent != 0 {
		t.Error("a report in the clear is read")
	}
	raw, err := newFar(t, k).rtcp(rr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := peer.rtcp.WriteToUDPAddrPort(raw, from); err != nil {
		t.Fatal(err)
	}
	until(t, "the report is read", func() bool { return a.Stats().RemoteLossPercent == 25 })
}

func TestParamsSRTP(t *testing.T) {
	s := idle(t, 4000)
	good := keys(t, sdes.AES128CM80)
	for _, bad := range []sdes.SRTP{
		{Suite: "NULL", LocalKey: good.LocalKey, RemoteKey: good.RemoteKey}, {Suite: sdes.AES128CM80},
		{Suite: sdes.AES256CM80, LocalKey: good.LocalKey, RemoteKey: good.RemoteKey},
	} {
		if err := s.Apply(secure(t, params(t, 4000), bad)); !errors.Is(err, ErrParams) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if s.tx.out != nil {
		t.Error("refused parameters are in force")
	}
}

func TestNoAllocationPerSecurePacket(t *testing.T) {
	for _, suite := range []sdes.Suite{sdes.AES128CM80, sdes.AES256GCM} {
		s := idle(t, 4000)
		p, k := params(t, 4000), keys(t, suite)
		apply(t, s, secure(t, p, k))
		if n := testing.AllocsPerRun(200, func() { s.send(0) }); n != 0 {
			t.Errorf("%s: %v allocations for a packet sent", suite, n)
		}
		f := newFar(t, k)
		var packets [][]byte
		for i := range 300 {
			packets = append(packets, f.packet(t, rtp.Header{SSRC: 5, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, make([]byte, 160)))
		}
		i := 0
		if n := testing.AllocsPerRun(200, func() {
			s.receiveRTP(packets[i], p.Remote, time.Duration(i)*20*ms)
			i++
		}); n != 0 {
			t.Errorf("%s: %v allocations for a packet received", suite, n)
		}
		if st := s.Stats(); st.Received != 201 || st.AuthFailed != 0 {
			t.Errorf("%s: %d received, %d refused", suite, st.Received, st.AuthFailed)
		}
	}
}

func FuzzSecureReceive(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add([]byte{0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xde, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, suite := range []sdes.Suite{sdes.AES128CM32, sdes.AES256GCM} {
			k := keys(t, suite)
			k.RemoteMKI = "ab"
			p := secure(t, params(t, 4000), k).withDefaults()
			s, err := newSession(p, Config{}.withDefaults(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var r receiver
			r.configure(s, 0)
			r.rtp(raw, p.Remote, ms)
			r.rtcp(raw, p.RemoteRTCP, 1, ms)
			if r.packets != 0 || r.unauthentic+r.malformed != 2 || s.in.sources != 0 || r.heardAny {
				t.Errorf("a packet without key: %d accepted, %d refused, %d malformed", r.packets, r.unauthentic, r.malformed)
			}
		}
	})
}

func BenchmarkSendSecure(b *testing.B) {
	for _, suite := range sdes.Suites() {
		b.Run(string(suite), func(b *testing.B) {
			s := idle(b, listenRaw(b).port())
			apply(b, s, secure(b, s.session.Params, keys(b, suite)))
			b.ReportAllocs()
			for b.Loop() {
				s.send(0)
			}
		})
	}
}

func BenchmarkSendCodec(b *testing.B) {
	for _, c := range codec.Table() {
		b.Run(c.String(), func(b *testing.B) {
			s := idle(b, listenRaw(b).port())
			p := s.session.Params
			p.Codec, p.SendPT, p.RecvPT = c, c.PayloadType, c.PayloadType
			apply(b, s, p)
			b.ReportAllocs()
			for b.Loop() {
				s.send(0)
			}
		})
	}
}
