package exec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// dialTime is how long connecting and logging in may take.
const dialTime = 10 * time.Second

// check refuses files that cannot be used.
func (t sshTarget) check() error {
	if _, err := t.signers(); err != nil {
		return ConfigError{varKeyFile, t.keyFile, err.Error(), "a private key without passphrase"}
	}
	if _, err := knownhosts.New(t.knownHosts); err != nil {
		return ConfigError{varKnownHosts, t.knownHosts, err.Error(), "a file of known hosts, as ssh-keyscan writes it"}
	}
	return nil
}

// signers reads the key, which may have been replaced since the last connection.
func (t sshTarget) signers() ([]ssh.Signer, error) {
	if t.keyFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(t.keyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, err
	}
	return []ssh.Signer{signer}, nil
}

// dial connects and logs in. Errors are ErrUnreachable, ErrHostKey or ErrLogin, or the cause of ctx.
func (t sshTarget) dial(ctx context.Context) (*ssh.Client, error) {
	verdict := error(nil) // of the host key
	config, err := t.config(&verdict)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, dialTime, fmt.Errorf("%w: %s took too long to connect", ErrUnreachable, t.address))
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, t.dialError(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(conn, t.address, config)
	switch {
	case err == nil:
		return ssh.NewClient(c, channels, requests), nil
	case verdict != nil:
		err = verdict
	case strings.Contains(err.Error(), "unable to authenticate"): // there is no type for it
		err = fmt.Errorf("%w: %s@%s", ErrLogin, t.user, t.address)
	default:
		err = t.dialError(ctx, err)
	}
	_ = conn.Close() // it may be closed already
	return nil, err
}

func (t sshTarget) dialError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// config reads the files anew. What is found wrong with the host key is left in verdict.
func (t sshTarget) config(verdict *error) (*ssh.ClientConfig, error) {
	signers, err := t.signers()
	if err != nil {
		return nil, fmt.Errorf("%w: the key: %w", ErrLogin, err)
	}
	check, err := knownhosts.New(t.knownHosts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHostKey, err)
	}
	var methods []ssh.AuthMethod
	if len(signers) > 0 {
		methods = append(methods, ssh.PublicKeys(signers...))
	}
	if t.password != "" {
		methods = append(methods, ssh.Password(t.password), ssh.KeyboardInteractive(t.interactive))
	}
	return &ssh.ClientConfig{
		User: t.user, Auth: methods, HostKeyAlgorithms: algorithms(check, t.address),
		HostKeyCallback: func(address string, addr net.Addr, key ssh.PublicKey) error {
			*verdict = t.trust(check(address, addr, key), key)
			return *verdict
		},
	}, nil
}

// interactive answers the one hidden question that hosts with PAM ask instead of a password.
func (t sshTarget) interactive(_, _ string, questions []string, echos []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) == 1 && !echos[0]:
		return []string{t.password}, nil
	}
	return nil, errors.New("the host asks for more than a password")
}

// trust puts the verdict of the known hosts into words.
func (t sshTarget) trust(err error, key ssh.PublicKey) error {
	var unknown *knownhosts.KeyError
	seen := key.Type() + " " + ssh.FingerprintSHA256(key)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown) && len(unknown.Want) == 0:
		return fmt.Errorf("%w: %s (%s) is not in %s", ErrHostKey, t.address, seen, t.knownHosts)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: %s shows another one (%s) than the one in %s", ErrHostKey, t.address, seen, t.knownHosts)
	}
	return fmt.Errorf("%w: %w", ErrHostKey, err)
}

// algorithms asks the known hosts for a key that nobody has, to learn which ones the host has. Without it the host could
// choose a key of a kind that is not known, although another one is. Nil leaves the choice open.
func algorithms(check ssh.HostKeyCallback, address string) []string {
	var known *knownhosts.KeyError
	if !errors.As(check(address, &net.TCPAddr{}, noKey{}), &known) {
		return nil
	}
	var all []string
	for _, want := range known.Want {
		add := []string{want.Key.Type()}
		if want.Key.Type() == ssh.KeyAlgoRSA {
			add = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256} // RFC 8332: no SHA-1
		}
		for _, a := range add {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// noKey is a public key that equals none.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("not a key") }
