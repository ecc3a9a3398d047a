package engine

import (
	"encoding/json"
	"fmt"

	"tidemill/catalog"
	"tidemill/exec/plan"
	"tidemill/exec/view"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
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
	def := view.Def{
		Table: o.Storage.Table, Schema: o.Fields(), Kind: view.Kind(o.Storage.Kind), Key: o.Storage.Key,
		Check: check,
	}
	if o.Index != nil {
		for _, c := range o.Index.Columns {
			def.Order = append(def.Order, view.OrderColumn{Col: c.Col, Order: rows.Order{Desc: c.Desc, NullsFirst: c.NullsFirst}})
		}
	}
	return view.New(def)
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
	if e.now, err = readNow(snap); err != nil {
		return err
	}
	e.storedNow = e.now
	for _, o := range cat.Objects() {
		if len(o.Scratch) > 0 { // an ALTER TABLE that was not answered
			again := *o
			e.dropScratch(&again, o.Scratch)
		}
		if o.Storage != nil {
			if err := e.addView(o); err != nil {
				return fmt.Errorf("%s %s: %w", o.Kind, o.QualifiedName(), err)
			}
		}
		if o.Watermark != nil {
			if err := e.addTime(o, snap); err != nil {
				return fmt.Errorf("%s %s: %w", o.Kind, o.QualifiedName(), err)
			}
		}
	}
	for _, o := range cat.Objects() {
		if o.Kind == catalog.Index {
			if err := e.recoverIndex(o); err != nil {
				return fmt.Errorf("%s %s: %w", o.Kind, o.QualifiedName(), err)
			}
		}
	}
	for _, o := range cat.Ordered() {
		if len(o.Plan) == 0 {
			continue
		}
		if err := e.recoverFlow(cat, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.Kind, o.QualifiedName(), err)
		}
	}
	for _, o := range cat.Objects() {
		if o.Replacement == nil {
			continue
		}
		if err := e.recoverReplacement(cat, o); err != nil {
			return fmt.Errorf("new definition of %s %s: %w", o.Kind, o.QualifiedName(), err)
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
		cols := readCols(o, e.circuit.ReadCols(o.ID))
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

// recoverFlow adds a stored dataflow and takes up its backfill where it was. One whose state does not
// fit into memory any more is stopped, with what reads it.
func (e *Engine) recoverFlow(cat *catalog.Snapshot, o *catalog.Object) error {
	p, err := decodePlan(o.Plan)
	if err != nil {
		return err
	}
	if o.Kind == catalog.Sink { // of one that has stopped, too, the log is delivered
		e.sinks[o.ID] = e.newSink(o, p)
	}
	if o.State == catalog.Failed {
		return nil
	}
	for _, id := range o.Deps {
		if dep := e.catalogNow().ByID(id); dep != nil && dep.State == catalog.Failed {
			e.stopRecovered(o, sqlerr.New(sqlerr.OutOfMemory, "it reads %s, which has stopped: %s", dep.QualifiedName(), dep.StateReason))
			return nil
		}
	}
	d, err := e.circuit.Add(o.ID, p, o.Settings["on_error"] == "fail", true)
	if sqlerr.As(err) != nil && sqlerr.As(err).Code == sqlerr.OutOfMemory {
		e.stopRecovered(o, err)
		return nil
	} else if err != nil {
		return err
	}
	if o.State == catalog.Creating {
		b, err := e.startFill(d, cat, true)
		if err != nil {
			return err
		}
		b.recorded = true
		d.Hold(true)
		e.fills[o.ID] = b
	}
	return nil
}

// stopRecovered marks an object as stopped in the first epoch.
func (e *Engine) stopRecovered(o *catalog.Object, err error) {
	e.log.Error("dataflow stopped", "object", o.QualifiedName(), "error", err)
	failed := *o
	markStopped(&failed, err)
	e.put(&failed)
}

// abort closes what an unsuccessful recover has opened.
func (e *Engine) abort() {
	for _, f := range e.sources {
		f.close()
	}
	for _, b := range e.fills {
		b.close()
	}
}
