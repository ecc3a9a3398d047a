package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/flow"
	"tidemill/exec/state"
)

// metaKey returns a key of small records that are kept per object: space, object id, name.
func metaKey(space state.Space, object uint32, name string) []byte {
	return append(state.AppendPrefix(nil, space, state.TableID(object), 0, state.PrefixNone), name...)
}

// positionName is the record name of a feeder's position under its source.
func positionName(to uint32) string {
	if to == 0 {
		return "main"
	}
	return fmt.Sprintf("fill/%d", to)
}

// position is the stored form of a feeder's progress.
type position struct {
	Next  connector.Offset `json:"next"`
	Until connector.Offset `json:"until,omitempty"`
	Done  bool             `json:"done,omitempty"`
}

func writePosition(w *state.CommitWriter, f *feeder) {
	putPosition(w, f.source.ID, f.to, position{Next: f.pos, Until: f.until})
}

func putPosition(w *state.CommitWriter, source, to uint32, p position) {
	raw, err := json.Marshal(p)
	if err != nil {
		panic(err) // maps of strings always marshal
	}
	w.Set(metaKey(state.SpacePositions, source, positionName(to)), raw)
}

// readPosition returns a stored position; ok is false when there is none.
func readPosition(snap *state.Snap, source, to uint32) (p position, ok bool, err error) {
	raw, ok, err := snap.Get(metaKey(state.SpacePositions, source, positionName(to)))
	if err != nil || !ok {
		return p, false, err
	}
	return p, true, json.Unmarshal(raw, &p)
}

// writeCatalog writes the difference between two catalogs; a nil cat is no change.
func writeCatalog(w *state.CommitWriter, cat, old *catalog.Snapshot) error {
	if cat == nil {
		return nil
	}
	diff, err := cat.Diff(old)
	if err != nil {
		return err
	}
	for name, value := range diff {
		k := metaKey(state.SpaceCatalog, 0, name)
		if value == nil {
			w.Delete(k)
		} else {
			w.Set(k, value)
		}
	}
	return nil
}

// readCatalog loads the catalog of the last epoch. found is false in a new store.
func readCatalog(snap *state.Snap) (cat *catalog.Snapshot, found bool, err error) {
	pairs := map[string][]byte{}
	lower, upper := state.TableSpan(state.SpaceCatalog, 0)
	err = snap.Scan(lower, upper, false, func(k, v []byte) (bool, error) {
		pairs[string(k[state.HeaderLen:])] = append([]byte(nil), v...)
		return true, nil
	})
	if err != nil {
		return nil, false, err
	}
	cat, err = catalog.Load(pairs)
	return cat, len(pairs) > 0, err
}

// badRecords are the records of a source that could not be decoded.
type badRecords struct {
	source  uint32
	records []connector.BadRecord
}

// A source's error relation is keyed by arrival (epoch, sequence) and its records are JSON; a view's
// is a bag: the key is the error, the value its weight.

func (e *Engine) writeBad(w *state.CommitWriter, epoch uint64, bad []badRecords) {
	seq := uint32(0)
	for _, b := range bad {
		for _, r := range b.records {
			if len(r.Raw) > connector.MaxRawBytes {
				r.Raw = r.Raw[:connector.MaxRawBytes]
			}
			raw, err := json.Marshal(r)
			if err != nil {
				raw, _ = json.Marshal(connector.BadRecord{Partition: r.Partition, Offset: r.Offset, Reason: "record error: " + err.Error(), Time: r.Time})
			}
			k := metaKey(state.SpaceErrors, b.source, "r")
			k = binary.BigEndian.AppendUint64(k, epoch)
			k = binary.BigEndian.AppendUint32(k, seq)
			w.Set(k, raw)
			seq++
		}
		e.metrics.badRecords.Add(uint64(len(b.records)))
	}
}

// writeErrors folds the rows that a dataflow's expressions failed on into its error relation.
func (e *Engine) writeErrors(w *state.CommitWriter, out flow.Output) {
	sums := map[flow.ErrorRow]int64{}
	for _, r := range out.Errors {
		weight := r.W
		r.W, r.Row = 0, shortRow(r.Row)
		sums[r] += weight
	}
	for r, weight := range sums {
		if weight == 0 {
			continue
		}
		name, err := json.Marshal([]string{r.Code, r.Message, r.Row})
		if err != nil {
			continue // strings always marshal
		}
		w.AddWeight(metaKey(state.SpaceErrors, out.Flow.ID, "v"+string(name)), weight)
		e.metrics.errorRows.Add(uint64(max(weight, 0)))
	}
}

// maxErrorRow bounds the text of a failed row in the error relation, in bytes.
const maxErrorRow = 8 << 10

// shortRow cuts the text of a long row. A hash keeps rows with equal beginnings apart, so that each
// leaves the error relation when it is retracted.
func shortRow(row string) string {
	if len(row) <= maxErrorRow {
		return row
	}
	sum := sha256.Sum256([]byte(row))
	return fmt.Sprintf("%s… (%d bytes, sha256 %x)", strings.ToValidUTF8(row[:maxErrorRow], ""), len(row), sum[:8])
}

// ViewError is one kind of failed row of a materialized view or sink.
type ViewError struct {
	View    *catalog.Object
	Code    string
	Message string
	Row     string
	Count   int64
}

// SourceError is a record of a source that could not be decoded.
type SourceError struct {
	Source *catalog.Object
	connector.BadRecord
}

// ViewErrors returns the error relations of all views at the reader's epoch.
func (r *Reader) ViewErrors() ([]ViewError, error) {
	var out []ViewError
	for _, o := range r.Catalog.Objects() {
		if o.Kind != catalog.MaterializedView && o.Kind != catalog.Sink {
			continue
		}
		prefix := metaKey(state.SpaceErrors, o.ID, "v")
		err := r.snap.Scan(prefix, state.PrefixEnd(prefix), false, func(k, v []byte) (bool, error) {
			ve := ViewError{View: o}
			var parts []string
			if json.Unmarshal(k[len(prefix):], &parts) == nil && len(parts) == 3 {
				ve.Code, ve.Message, ve.Row = parts[0], parts[1], parts[2]
			} else { // earlier versions cut long ones
				ve.Message = strings.ToValidUTF8(string(k[len(prefix):]), "")
			}
			w, _, err := state.Weight(v)
			if ve.Count = w; w != 0 { // retracted, and not yet compacted away
				out = append(out, ve)
			}
			return true, err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SourceErrors returns the error relations of all sources at the reader's epoch, oldest first.
func (r *Reader) SourceErrors() ([]SourceError, error) {
	var out []SourceError
	for _, o := range r.Catalog.Objects() {
		if o.Connector == "" || o.Kind == catalog.Sink {
			continue
		}
		prefix := metaKey(state.SpaceErrors, o.ID, "r")
		seen := map[[3]string]bool{} // a backfill may report a record again
		err := r.snap.Scan(prefix, state.PrefixEnd(prefix), false, func(_, v []byte) (bool, error) {
			se := SourceError{Source: o}
			err := json.Unmarshal(v, &se.BadRecord)
			if id := [3]string{se.Partition, se.Offset, se.Reason}; !seen[id] {
				seen[id] = true
				out = append(out, se)
			}
			return true, err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// acks returns a function that tells the connectors the positions that are committed now; it is to be
// called once they are durable.
func (e *Engine) acks() func() {
	snap := e.store.Snapshot()
	defer snap.Close()
	e.edges.RLock()
	defer e.edges.RUnlock()
	type ack struct {
		f    *feeder
		next connector.Offset
	}
	var list []ack
	for id, f := range e.sources {
		if p, ok, err := readPosition(snap, id, 0); err == nil && ok {
			list = append(list, ack{f, p.Next})
		}
	}
	return func() {
		for _, a := range list {
			a.f.conn.Ack(a.next)
		}
	}
}
