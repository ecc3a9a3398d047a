// Package optest tests operators against naive models.
//
// A Case names an operator, its configuration and a Model that computes the whole output from the
// whole inputs, with no thought of change. Run feeds the operator random epochs of insertions,
// deletions and updates, in random batches with selection vectors and rows that are not selected,
// on one to four simulated workers, and after each epoch compares the sum of everything emitted with
// the model. Between epochs it commits the state tables to a store, and now and then throws all
// operators away, loads the tables into new ones and goes on with another number of workers.
//
// Buffers of a batch are overwritten when Push returns, so an operator that keeps a view of them
// fails. Every edge is checked by exec/check. A failure prints the seed and the epochs as text; run
// one seed alone with OPTEST_SEED=n, more seeds with OPTEST_SEEDS=n.
package optest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Row is one row of a relation.
type Row []types.Datum

// Weighted is a row with its multiplicity.
type Weighted struct {
	Row Row
	W   int64
}

// Relation is the content of an input or output: different rows with positive weights.
type Relation []Weighted

// Case describes a test.
type Case struct {
	Op     string
	Config any
	In     []types.Schema
	Out    types.Schema
	// Keys are per port the columns that rows are spread over workers by. nil = all rows go to the
	// worker of virtual node 0.
	Keys [][]int
	// AppendOnly is per port; such ports get insertions only. OutAppendOnly is the output's promise.
	AppendOnly    []bool
	OutAppendOnly bool
	// Gen makes a random row; nil = RandomRow of the port's schema.
	Gen func(r *rand.Rand, port int) Row
	// Start is called before each seed's run, for a Model that remembers; nil = nothing.
	Start func()
	// Model computes the output. Errors computes the diverted rows by their input; nil = none.
	Model  func(in []Relation) Relation
	Errors func(in []Relation) int64
	// Clock gives the time of the next epoch, for operators that depend on it; nil = 0.
	Clock func(r *rand.Rand, epoch uint64) int64
	// Epochs and Changes bound the random sizes; 0 = 6 and 25.
	Epochs, Changes int
	Seeds           int // 0 = 40
	// Stateless operators are run without a store, and their rows go to any worker.
	Stateless bool
	// Time lists per port the column that event time is told of (op.Ctx), −1 = none: rows below its floor
	// neither come nor go. With Punctual no lateness is allowed: watermarks are floors. Model may then
	// ask Now for the watermarks of the epoch.
	Time     []int
	Punctual bool
	// Now, if set, is called with the watermarks by port before Model.
	Now func(watermarks []int64)
	// Residue is the number of state entries that may remain when all inputs have become empty.
	Residue int
}

// Run tests the case with many seeds.
func Run(t *testing.T, c Case) {
	t.Helper()
	if s := os.Getenv("OPTEST_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		runSeed(t, &c, seed)
		return
	}
	seeds := c.Seeds
	if seeds == 0 {
		seeds = 40
	}
	if s, err := strconv.Atoi(os.Getenv("OPTEST_SEEDS")); err == nil {
		seeds = s
	}
	for seed := range seeds {
		runSeed(t, &c, uint64(seed))
	}
}

// RawConfig encodes a configuration as plans store it.
func RawConfig(cfg any) json.RawMessage {
	if cfg == nil {
		return nil
	}
	raw, err := json.Marshal(cfg)
	if err != nil {
		panic(err)
	}
	return raw
}

// run is one seed's run of a case.
type run struct {
	t    *testing.T
	c    *Case
	seed uint64
	r    *rand.Rand
	log  strings.Builder

	inputs  []*content
	cluster *cluster
	clock
}

func runSeed(t *testing.T, c *Case, seed uint64) {
	t.Helper()
	u := &run{t: t, c: c, seed: seed, r: rand.New(rand.NewPCG(seed, 17))}
	for range c.In {
		u.inputs = append(u.inputs, newContent())
	}
	if c.Start != nil {
		c.Start()
	}
	u.startClock()
	u.cluster = newCluster(u)
	defer u.cluster.close()
	epochs, changes := c.Epochs, c.Changes
	if epochs == 0 {
		epochs = 6
	}
	if changes == 0 {
		changes = 25
	}
	for epoch := range 1 + u.r.IntN(epochs) {
		fmt.Fprintf(&u.log, "--- epoch %d, %d workers\n", epoch+1, len(u.cluster.workers))
		deltas := u.deltas(changes)
		u.passes(4)
		u.tell()
		u.cluster.epoch(uint64(epoch+1), deltas)
		u.compare()
		if !c.Stateless {
			u.cluster.commit(uint64(epoch + 1))
			if u.r.IntN(2) == 0 {
				fmt.Fprintln(&u.log, "--- reload")
				u.cluster.start()
			}
		}
	}
	u.drain(uint64(epochs + 2))
}

// drain deletes all that is left in the inputs and checks that no state stays behind.
func (u *run) drain(epoch uint64) {
	u.t.Helper()
	if u.timed() {
		u.expire(epoch)
		return
	}
	if slices.Contains(u.c.AppendOnly, true) {
		return
	}
	fmt.Fprintln(&u.log, "--- drain")
	var list []delta
	for port, in := range u.inputs {
		rest := in.relation()
		for i := range rest {
			rest[i].W = -rest[i].W
			in.add(rest[i].Row, rest[i].W)
		}
		if len(rest) > 0 {
			list = append(list, delta{port, u.physical(port, rest)})
		}
	}
	u.cluster.epoch(epoch, list)
	u.compare()
	left := 0
	for _, w := range u.cluster.workers {
		left += w.tables.Len()
	}
	if left > u.c.Residue {
		u.fatal("%d entries of state remain for empty inputs", left)
	}
}

func (u *run) fatal(format string, args ...any) {
	u.t.Helper()
	u.t.Fatalf("%s %s, seed %d: %s\n%s", u.c.Op, RawConfig(u.c.Config), u.seed, fmt.Sprintf(format, args...), &u.log)
}

// compare checks the sum of everything emitted against the model.
func (u *run) compare() {
	u.t.Helper()
	in := make([]Relation, len(u.inputs))
	for i, c := range u.inputs {
		in[i] = c.relation()
	}
	if u.c.Now != nil {
		u.c.Now(u.watermarks)
	}
	want := Batch(u.c.Out, u.c.Model(in))
	got := u.cluster.output.Relation()
	if g, w := rows.FormatSorted(got), rows.FormatSorted(want); g != w {
		u.fatal("output is\n%swant\n%s", g, w)
	}
	if err := u.cluster.output.End(); err != nil {
		u.fatal("%v", err)
	}
	wantErrs := int64(0)
	if u.c.Errors != nil {
		wantErrs = u.c.Errors(in)
	}
	if u.cluster.failed != wantErrs {
		u.fatal("%d rows diverted, want %d (last: %v)", u.cluster.failed, wantErrs, u.cluster.lastErr)
	}
}

// Batch makes a batch of a relation.
func Batch(s types.Schema, rel Relation) *rows.Batch {
	b := rows.NewBuilder(s, len(rel))
	for _, x := range rel {
		if len(x.Row) != len(s) {
			panic(fmt.Sprintf("optest: row of %d values for %d columns", len(x.Row), len(s)))
		}
		for i, d := range x.Row {
			b.Cols[i].AppendDatum(d)
		}
		b.EndRow(x.W)
	}
	return b.Finish()
}
