package engine

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
)

// Statuses lists sources, tables, materialized views and sinks with what they are doing.
func (e *Engine) Statuses() []Status {
	cat := e.cat.Load()
	r, err := e.Reader()
	if err == nil { // else the engine has stopped
		defer r.Close()
		cat = r.Catalog
	}
	e.edges.RLock()
	defer e.edges.RUnlock()
	var out []Status
	for _, o := range cat.Objects() {
		st := Status{Object: o, Progress: 1}
		if t := e.times[o.ID]; t != nil {
			st.LateRows = t.late.Load()
		}
		switch o.Kind {
		case catalog.Source:
			e.sourceStatus(r, &st)
		case catalog.MaterializedView, catalog.Sink:
			e.flowStatus(&st)
		case catalog.Table:
		default:
			continue
		}
		out = append(out, st)
	}
	return out
}

func (e *Engine) sourceStatus(r *Reader, st *Status) {
	f := e.sources[st.Object.ID]
	if f == nil {
		st.Message = "not read by any view"
		return
	}
	st.Rows, st.Bytes, st.ErrorRows = f.totalRows.Load(), f.totalBytes.Load(), f.totalBad.Load()
	st.Message = f.status()
	if r == nil {
		return
	}
	if p, ok, err := readPosition(r.snap, st.Object.ID, 0); err == nil && ok {
		raw, _ := json.Marshal(p.Next)
		st.Position = string(raw)
	}
}

func (e *Engine) flowStatus(st *Status) {
	o := st.Object
	if o.State == catalog.Failed || o.State == catalog.Inconsistent {
		st.Message = o.StateReason
	}
	if b := e.fills[o.ID]; b != nil {
		st.Progress = b.progress()
	}
	if o.Replacement != nil {
		st.Message = "a new definition is being filled"
		if b := e.fills[o.Replacement.ID]; b != nil {
			st.Progress = b.progress()
		}
	}
	if o.Unfilled {
		st.Progress = 0
	}
	size := e.circuit.Size(o.ID)
	st.StateSize, st.StateRows, st.Rows = size.StateBytes, size.StateRows, size.Rows
	if s := e.sinks[o.ID]; s != nil {
		s.mu.Lock()
		st.Position = fmt.Sprint(s.delivered)
		if s.failure != "" {
			st.Message = s.failure
		}
		s.mu.Unlock()
	}
}

// markStopped notes in an object why its dataflow stopped.
func markStopped(o *catalog.Object, err error) {
	reason := sqlerr.As(err)
	text, _, _ := strings.Cut(reason.Message, "\n") // a panic's stack is in the log
	if reason.Detail != "" {
		text += ": " + reason.Detail
	}
	o.Unfilled = o.State == catalog.Creating
	o.State, o.StateReason = catalog.Failed, text
}

// Drained tells that every source that is read has ended and everything of it is committed, and that
// no backfill is under way. Sources without an end never are.
func (e *Engine) Drained() bool {
	e.edges.RLock()
	defer e.edges.RUnlock()
	if len(e.fills) > 0 {
		return false
	}
	for _, f := range e.sources {
		if !f.committed.Load() {
			return false
		}
	}
	return true
}
