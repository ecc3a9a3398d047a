package file

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	chunkBytes = 4 << 20 // of records per Poll
	tickMin    = 10 * time.Millisecond
	tickMax    = 200 * time.Millisecond
	rescan     = time.Second // how often follow mode looks for new and changed files
)

type reader struct {
	cfg     *connector.ReaderConfig
	follow  bool
	spec    *format.Spec
	format  *format.Config
	batcher *format.Batcher
	meta    []meta

	streams []*stream
	known   map[string]bool
	turn    int // the stream to read first
	scanned time.Time
	tick    time.Duration

	mu        sync.Mutex // Close against Poll
	closed    chan struct{}
	closeOnce sync.Once
	statusMu  sync.Mutex
	status    string
}

// meta is an INCLUDE column.
type meta struct {
	out  int
	what string
	typ  types.Type
}

func open(cfg *connector.ReaderConfig) (connector.Reader, error) {
	spec, fc, err := formatOf(cfg)
	if err != nil {
		return nil, err
	}
	r := &reader{cfg: cfg, spec: spec, format: fc, follow: cfg.Options.Get(optMode) == follow,
		known: map[string]bool{}, closed: make(chan struct{}), tick: tickMin}
	var schema types.Schema
	for i, c := range cfg.Cols {
		f := cfg.Schema[c]
		schema = append(schema, f)
		what, ok := cfg.Include[c]
		if !ok {
			continue
		}
		if err := checkMeta(f, what); err != nil {
			return nil, err
		}
		r.meta = append(r.meta, meta{i, what, f.Type})
	}
	r.batcher = format.NewBatcher(schema)
	return r, nil
}

func checkMeta(f types.Field, what string) error {
	switch {
	case what == "partition" && f.Type.IsString(), what == "offset" && f.Type.ID == types.Int8:
		return nil
	case what == "partition":
		return sqlerr.New(sqlerr.DatatypeMismatch, "INCLUDE partition of connector \"file\" is of type text")
	case what == "offset":
		return sqlerr.New(sqlerr.DatatypeMismatch, "INCLUDE offset of connector \"file\" is of type bigint")
	}
	return sqlerr.Unsupported("connector \"file\" has no INCLUDE %s", what).
		WithHint("It has partition (the path) and offset (the byte position).")
}

// scan opens files that are new and checks those that are open.
func (r *reader) scan() error {
	r.scanned = time.Now()
	for _, s := range r.streams {
		if err := s.check(); err != nil {
			return err
		}
	}
	paths, err := list(r.cfg.Options.Get(optPath))
	if err != nil {
		return err
	}
	if len(r.known) == 0 {
		for p := range r.cfg.From {
			if !slices.Contains(paths, p) {
				return sqlerr.New(sqlerr.UndefinedFile, "file %q is gone, of which the source has read a part", p).
					WithHint("Bring the file back, or drop the source and create it again.")
			}
		}
	}
	for _, p := range paths {
		if _, bound := r.cfg.Until[p]; r.known[p] || r.cfg.Until != nil && !bound {
			continue
		}
		if err := r.add(p); err != nil {
			return err
		}
	}
	if len(paths) == 0 {
		r.setStatus(fmt.Sprintf("no file matches %q", r.cfg.Options.Get(optPath)))
	} else {
		r.setStatus("")
	}
	return nil
}

// add opens a file at its position.
func (r *reader) add(path string) error {
	s := &stream{path: path, limit: math.MaxInt64}
	var from position
	var err error
	if text, ok := r.cfg.From[path]; ok {
		if from, err = parsePosition(text); err != nil {
			return err
		}
	}
	if text, ok := r.cfg.Until[path]; ok {
		p, err := parsePosition(text)
		if err != nil {
			return err
		}
		s.limit = p.at
	}
	if s.f, err = openFile(path); err != nil {
		return err
	}
	if s.decoder, err = r.spec.NewDecoder(r.format); err == nil {
		s.framer, err = r.spec.NewFramer(r.format)
	}
	if err == nil {
		err = s.start(from)
	}
	ready := false
	if err == nil {
		ready, err = s.header(!r.follow)
	}
	if err != nil || !ready {
		s.close()
		return err // not ready: seen again at the next scan
	}
	r.known[path] = true
	r.streams = append(r.streams, s)
	return nil
}

// Poll implements connector.Reader.
func (r *reader) Poll(ctx context.Context, max int) (*connector.Chunk, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		select {
		case <-r.closed:
			return nil, connector.ErrClosed
		default:
		}
		if r.scanned.IsZero() || r.follow && time.Since(r.scanned) >= rescan {
			if err := r.scan(); err != nil {
				return nil, err
			}
		}
		chunk, err := r.read(max)
		if err != nil || chunk.Done || len(chunk.Batches)+len(chunk.Bad)+len(chunk.Next) > 0 {
			r.tick = tickMin
			return chunk, err
		}
		timer := time.NewTimer(r.tick)
		r.tick = min(r.tick*2, tickMax)
		select {
		case <-ctx.Done():
			timer.Stop()
			return chunk, nil
		case <-r.closed:
			timer.Stop()
			return nil, connector.ErrClosed
		case <-timer.C:
		}
	}
}

// read takes up to max records from the streams that have some.
func (r *reader) read(max int) (*connector.Chunk, error) {
	out := &connector.Chunk{Next: connector.Offset{}}
	r.batcher.Start(min(max, 4096))
	ended := 0
	for k := range r.streams {
		s := r.streams[(r.turn+k)%len(r.streams)]
		end, err := r.drain(s, max, out)
		if err != nil {
			return nil, err
		}
		if end {
			ended++
		}
		if s.at != s.reported {
			s.reported = s.at
			out.Next[s.path] = s.position().String()
		}
	}
	if len(r.streams) > 0 && r.follow {
		r.turn = (r.turn + 1) % len(r.streams)
	}
	if b := r.batcher.Finish(); b != nil {
		out.Batches = []*rows.Batch{b}
	}
	out.Done = ended == len(r.streams) && (!r.follow || r.cfg.Until != nil)
	return out, nil
}

// drain takes records of one stream until the chunk is full; it tells whether the stream has ended.
func (r *reader) drain(s *stream, max int, out *connector.Chunk) (bool, error) {
	for r.batcher.Out.Len()+len(out.Bad) < max && out.SizeBytes < chunkBytes {
		rec, at, tooLong, ok := s.next(s.eof && !r.follow)
		if !ok {
			if s.eof && !r.follow {
				return true, nil
			}
			more, err := s.fill()
			if err != nil {
				return false, err
			}
			if !more && r.follow {
				return s.at+int64(len(s.buf)) >= s.limit, nil
			}
			continue
		}
		out.SizeBytes += len(rec)
		var err error
		if tooLong {
			err = &format.Bad{Pos: -1, Reason: "no end of the record within 8 MiB; reading goes on at the next line"}
		} else {
			err = s.decoder.Decode(rec, r.batcher.Out)
		}
		if err != nil {
			out.Bad = append(out.Bad, format.BadRecord(s.path, fmt.Sprint(at), rec, err))
			continue
		}
		r.fillMeta(s.path, at)
	}
	return false, nil
}

// fillMeta brings the INCLUDE columns up to the decoder's rows.
func (r *reader) fillMeta(path string, at int64) {
	n := r.batcher.Out.Len()
	for _, m := range r.meta {
		col := r.batcher.Out.Cols[m.out]
		for col.Len() < n {
			if m.what == "offset" {
				col.AppendInt(at)
			} else {
				col.AppendString(path)
			}
		}
	}
}

func (r *reader) setStatus(s string) {
	r.statusMu.Lock()
	r.status = s
	r.statusMu.Unlock()
}

// Status implements connector.Status.
func (r *reader) Status() string {
	r.statusMu.Lock()
	defer r.statusMu.Unlock()
	return r.status
}

// Ack implements connector.Reader; files need no acknowledgement.
func (r *reader) Ack(connector.Offset) {}

// Close implements connector.Reader.
func (r *reader) Close() error {
	r.closeOnce.Do(func() {
		close(r.closed)
		r.mu.Lock()
		for _, s := range r.streams {
			s.close()
		}
		r.mu.Unlock()
	})
	return nil
}
