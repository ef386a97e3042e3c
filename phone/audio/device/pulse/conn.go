package pulse

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	version    = 14
	headerSize = 20
	control    = undefined // channel number of messages; sound has its stream's
	maxFrame   = 1 << 20   // far more than any message or piece of sound
	patience   = 2 * time.Second
)

// Commands, as far as they are used.
const (
	cmdError          = 0
	cmdReply          = 2
	cmdCreatePlayback = 3
	cmdCreateRecord   = 5
	cmdAuth           = 8
	cmdSetClientName  = 9
	cmdGetServerInfo  = 20
	cmdSinkInfoList   = 22
	cmdSourceInfoList = 24
	cmdRequest        = 61
	cmdPlaybackKilled = 64
	cmdRecordKilled   = 65
)

// Conn is a connection to a sound server.
type Conn struct {
	net  net.Conn
	in   *bufio.Reader
	buf  []byte // of the frame read last
	out  []byte // scratch for the frame to write
	head [headerSize]byte
	tag  uint32
}

// Dial connects to the server that the environment names and logs in. The
// error is [ErrNoServer] where nobody answers.
func Dial(ctx context.Context, getenv func(string) string) (*Conn, error) {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := dial(short, getenv)
	if err != nil {
		return nil, err
	}
	conn := &Conn{net: c, in: bufio.NewReaderSize(c, 1<<13)}
	// A cancelled context must not wait for a silent server.
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if err := conn.login(cookie(getenv)); err != nil {
		_ = c.Close()
		return nil, err
	}
	return conn, nil
}

// Close ends the connection and whatever the server did for it.
func (c *Conn) Close() error { return c.net.Close() }

func (c *Conn) login(secret []byte) error {
	r, err := c.ask(cmdAuth, tags(nil).u32(version).arbitrary(secret), credentials(c.net))
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if v := r.u32() & 0xffff; r.err != nil || v < version {
		return fmt.Errorf("log in: server of version %d: %w", v, ErrProtocol)
	}
	_, err = c.ask(cmdSetClientName, tags(nil).props("application.name", "housephone", "application.icon_name", "phone"), nil)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// credentials tells the server on a Unix socket who asks: the user it runs as
// needs no cookie.
func credentials(c net.Conn) []byte {
	if _, ok := c.(*net.UnixConn); !ok {
		return nil
	}
	return unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})
}

// ask sends a command and waits for its reply. Other messages in between are
// passed over.
func (c *Conn) ask(command uint32, args tags, oob []byte) (*reader, error) {
	c.tag++
	msg := append(tags(nil).u32(command).u32(c.tag), args...)
	if err := c.send(control, msg, oob); err != nil {
		return nil, err
	}
	for {
		channel, body, err := c.receive()
		if err != nil {
			return nil, err
		}
		if channel != control {
			continue
		}
		r := &reader{b: body}
		kind, tag := r.u32(), r.u32()
		switch {
		case r.err != nil:
			return nil, r.err
		case tag != c.tag:
		case kind == cmdReply:
			return r, nil
		case kind == cmdError:
			return nil, refusal(r.u32())
		}
	}
}

// send writes one frame; oob is what goes beside it on a Unix socket.
func (c *Conn) send(channel uint32, body, oob []byte) error {
	c.out = binary.BigEndian.AppendUint32(c.out[:0], uint32(len(body)))
	c.out = binary.BigEndian.AppendUint32(c.out, channel)
	c.out = append(c.out, make([]byte, headerSize-8)...) // offset and flags
	c.out = append(c.out, body...)
	if err := c.net.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if u, ok := c.net.(*net.UnixConn); ok && oob != nil {
		_, _, err := u.WriteMsgUnix(c.out, oob, nil)
		return err
	}
	_, err := c.net.Write(c.out)
	return err
}

// receive reads one frame. The body is valid until the next call.
func (c *Conn) receive() (channel uint32, body []byte, err error) {
	if err := c.net.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	head := c.head[:]
	if _, err := io.ReadFull(c.in, head); err != nil {
		return 0, nil, lost(err)
	}
	n := binary.BigEndian.Uint32(head)
	if n > maxFrame {
		return 0, nil, fmt.Errorf("frame of %d bytes: %w", n, ErrProtocol)
	}
	if int(n) > cap(c.buf) {
		c.buf = make([]byte, n)
	}
	c.buf = c.buf[:n]
	if _, err := io.ReadFull(c.in, c.buf); err != nil {
		return 0, nil, lost(err)
	}
	return binary.BigEndian.Uint32(head[4:]), c.buf, nil
}

// lost says in words what the end of a connection means.
func lost(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.ECONNRESET) {
		return fmt.Errorf("sound server has gone: %w", err)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("sound server says nothing: %w", err)
	}
	return err
}
