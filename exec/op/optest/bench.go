package optest

import (
	"syscall"
	"testing"

	"tidemill/exec/check"
	"tidemill/exec/mem"
	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Ctx returns a context that hands output to emit and counts diverted rows.
func Ctx(emit func(*rows.Batch) error, failed *int) *op.Ctx {
	return &op.Ctx{
		Fn:   &fn.Ctx{},
		Emit: emit,
		Fail: func(*rows.Batch, int, int64, *sqlerr.Error) error { *failed++; return nil },
	}
}

// NewOperator makes an operator over throw-away state.
func NewOperator(tb testing.TB, name string, cfg any, env op.Env) op.Operator {
	tb.Helper()
	spec, err := op.Lookup(name)
	if err != nil {
		tb.Fatal(err)
	}
	if env.Tables == nil {
		env.Tables = state.Ephemeral(mem.NewBudget("test", 0).Account("test"))
	}
	o, err := spec.New(RawConfig(cfg), &env)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// Bench measures an operator over throw-away state. Each round pushes what feed pushes and finishes
// an epoch; feed returns the number of rows, by which the time is divided (ns/row). An operator that
// keeps state reports what an entry of it takes in memory (state-B/entry).
func Bench(b *testing.B, name string, cfg any, in []types.Schema, out types.Schema, feed func(push func(int, *rows.Batch)) int) {
	b.Helper()
	tables := state.Ephemeral(mem.NewBudget("test", 0).Account("test"))
	o := NewOperator(b, name, cfg, op.Env{In: in, Out: out, AppendOnly: make([]bool, len(in)), OwnsSingle: true, Tables: tables})
	failed := 0
	c := Ctx(func(*rows.Batch) error { return nil }, &failed)
	push := func(port int, batch *rows.Batch) {
		if err := o.Push(c, port, batch); err != nil {
			b.Fatal(err)
		}
	}
	n := 0
	b.ReportAllocs()
	meter := StartMeter()
	for b.Loop() {
		n += feed(push)
		if err := o.Finish(c); err != nil {
			b.Fatal(err)
		}
	}
	meter.Report(b, n, "row")
	if entries := tables.Len(); entries > 0 {
		b.ReportMetric(float64(tables.SizeBytes())/float64(entries), "state-B/entry")
	}
}

// Meter measures the processor time of the whole process, which on a shared machine says more than
// the time that has passed.
type Meter struct{ start syscall.Rusage }

// StartMeter starts measuring.
func StartMeter() *Meter {
	m := &Meter{}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &m.start)
	return m
}

// Report reports processor time divided by n, as cpu-ns/unit.
func (m *Meter) Report(b *testing.B, n int, unit string) {
	var now syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &now)
	d := now.Utime.Nano() - m.start.Utime.Nano() + now.Stime.Nano() - m.start.Stime.Nano()
	b.ReportMetric(float64(d)/float64(max(1, n)), "cpu-ns/"+unit)
}

// Env returns the environment of an operator that is alone and whose inputs may retract.
func Env(in []types.Schema, out types.Schema) op.Env {
	return op.Env{In: in, Out: out, AppendOnly: make([]bool, len(in)), OwnsSingle: true}
}

// Output runs a batch query's operator over the batches on port 0 and returns what it emits, in
// order, as text; an error of any kind ends it.
func Output(tb testing.TB, name string, cfg any, env op.Env, in ...*rows.Batch) (string, error) {
	tb.Helper()
	env.Batch = true
	o := NewOperator(tb, name, cfg, env)
	text := ""
	c := &op.Ctx{
		Fn:   &fn.Ctx{},
		Emit: func(b *rows.Batch) error { text += rows.Format(b); return nil },
		Fail: func(_ *rows.Batch, _ int, _ int64, err *sqlerr.Error) error { return err },
	}
	o = check.Wrap(o, check.Options{Name: name, Schema: env.Out, In: env.In})
	for _, b := range in {
		if err := o.Push(c, 0, b); err != nil {
			return text, err
		}
	}
	err := o.Finish(c)
	return text, err
}

// Allocs fails when an epoch of what feed pushes allocates more than one object per ten rows, once
// the operator's buffers have grown.
func Allocs(t *testing.T, name string, cfg any, in []types.Schema, out types.Schema, feed func(push func(int, *rows.Batch)) int) {
	t.Helper()
	o := NewOperator(t, name, cfg, Env(in, out))
	failed, n := 0, 0
	c := Ctx(func(*rows.Batch) error { return nil }, &failed)
	push := func(port int, batch *rows.Batch) {
		if err := o.Push(c, port, batch); err != nil {
			t.Fatal(err)
		}
	}
	allocs := testing.AllocsPerRun(5, func() {
		n = feed(push)
		if err := o.Finish(c); err != nil {
			t.Fatal(err)
		}
	})
	if perRow := allocs / float64(n); perRow > 0.1 {
		t.Errorf("%s allocates %.2f objects per row", name, perRow)
	}
}
