package engine

import (
	"encoding/json"
	"fmt"

	"tidemill/catalog"
	"tidemill/exec/plan"
	"tidemill/exec/view"
)

func decodePlan(raw json.RawMessage) (*plan.Plan, error) {
	p := new(plan.Plan)
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, fmt.Errorf("stored plan: %w", err)
	}
	return p, nil
}

// newView makes the storage handle of a table or materialized view.
func newView(o *catalog.Object, check bool) (*view.View, error) {
	return view.New(view.Def{
		Table: o.Storage.Table, Schema: o.Fields(), Kind: view.Kind(o.Storage.Kind), Key: o.Storage.Key,
		Check: check,
	})
}

// recover rebuilds the running database from the store's last epoch: catalog, storage, dataflows with
// their state from their stored plans, backfills under way, and the feeders at their positions.
func (e *Engine) recover() error {
	snap := e.store.Snapshot()
	defer snap.Close()
	cat, found, err := readCatalog(snap)
	if err != nil {
		return err
	}
	e.cat.Store(cat)
	if found {
		e.stored = cat
	}
	for _, o := range cat.Objects() {
		if o.Storage != nil {
			if err := e.addView(o); err != nil {
				return fmt.Errorf("%s %s: %w", o.Kind, o.QualifiedName(), err)
			}
		}
	}
	for _, o := range cat.Objects() {
		if len(o.Plan) == 0 || o.State == catalog.Failed {
			continue
		}
		if err := e.recoverFlow(cat, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.Kind, o.QualifiedName(), err)
		}
	}
	for _, o := range cat.Objects() {
		if o.Kind != catalog.Source || !e.circuit.Reads(o.ID) {
			continue
		}
		p, _, err := readPosition(snap, o.ID, 0)
		if err != nil {
			return err
		}
		cols := e.circuit.ReadCols(o.ID)
		f, err := openFeeder(o, 0, cols, p.Next, nil, e.wake)
		if err != nil { // the others can do without it
			e.log.Error("source cannot be opened", "source", o.QualifiedName(), "error", err)
			f = startFeeder(o, 0, cols, p.Next, nil, failedReader{err}, e.wake)
		}
		e.sources[o.ID] = f
	}
	e.wake()
	return nil
}

// recoverFlow adds a stored dataflow and takes up its backfill where it was.
func (e *Engine) recoverFlow(cat *catalog.Snapshot, o *catalog.Object) error {
	p, err := decodePlan(o.Plan)
	if err != nil {
		return err
	}
	d, err := e.circuit.Add(o.ID, p, o.Settings["on_error"] == "fail", true)
	if err != nil {
		return err
	}
	if o.State == catalog.Creating {
		b, err := e.startFill(d, cat, true)
		if err != nil {
			return err
		}
		b.recorded = true
		e.fills[o.ID] = b
	}
	if o.Kind == catalog.Sink {
		s, err := e.openSink(o, p)
		if err != nil {
			return err
		}
		e.sinks[o.ID] = s
	}
	return nil
}
