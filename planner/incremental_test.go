package planner_test

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemill/catalog"
	"tidemill/exec/mem"
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/planner"
	"tidemill/planner/rewrite"
	"tidemill/sql/ast"
	"tidemill/sql/fn"
	"tidemill/sql/parse"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// runner steps an incremental plan with one worker and sums up what its root emits.
type runner struct {
	p    *plan.Plan
	ops  []op.Operator
	ctxs []*op.Ctx
	sum  map[string]int64
	key  map[string]int64

	tables  []*state.Tables // of all operators
	emitted int64           // rows that left any node
}

func newRunner(p *plan.Plan) (*runner, error) {
	r := &runner{p: p, sum: map[string]int64{}, key: map[string]int64{}}
	outs := p.Consumers()
	for i := range p.Nodes {
		c := &op.Ctx{Fn: &fn.Ctx{}}
		c.Fail = func(_ *rows.Batch, _ int, _ int64, e *sqlerr.Error) error { return e }
		c.Emit = func(b *rows.Batch) error {
			r.emitted += int64(b.Len())
			for _, o := range outs[i] {
				if err := r.ops[o.Node].Push(r.ctxs[o.Node], o.Port, b); err != nil {
					return err
				}
			}
			if i == p.Root {
				r.collect(b)
			}
			if p.Nodes[i].AppendOnly {
				for k := range b.Len() {
					if b.Weight(b.Row(k)) < 0 {
						return fmt.Errorf("node %d (%s) is called append-only and retracts", i, p.Nodes[i].Op)
					}
				}
			}
			return nil
		}
		r.ctxs = append(r.ctxs, c)
		r.ops = append(r.ops, nil)
		if p.Nodes[i].Op == plan.ScanOp {
			continue
		}
		acct := mem.NewBudget("test", 1<<30).Account("op")
		tables := state.Ephemeral(acct)
		r.tables = append(r.tables, tables)
		o, err := p.NewOperator(i, op.Env{Tables: tables, OwnsSingle: true})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Nodes[i].Op, err)
		}
		r.ops[i] = o
	}
	return r, nil
}

func (r *runner) collect(b *rows.Batch) {
	for k := range b.Len() {
		i := b.Row(k)
		w := b.Weight(i)
		cells := make([]string, r.p.Visible)
		for c := range cells {
			cells[c] = cell(b.Cols[c], i)
		}
		r.sum[strings.Join(cells, "|")] += w
		var key []byte
		for _, c := range r.p.Key {
			key = rows.AppendKey(key, b.Cols[c], i)
		}
		if r.p.Key != nil {
			r.key[string(key)] += w
		}
	}
}

func cell(v *rows.Vec, i int) string {
	d := v.Datum(i)
	if d.Null {
		return "NULL"
	}
	text := string(types.AppendText(nil, d, nil))
	if d.Type.ID == types.Numeric && strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".") // a group key shows in canonical form
	}
	return text
}

// epoch feeds one change per object and ends the epoch.
func (r *runner) epoch(n uint64, deltas map[uint32]*rows.Batch) error {
	leaves, err := r.p.Leaves()
	if err != nil {
		return err
	}
	for _, c := range r.ctxs {
		c.Epoch = n
	}
	for _, l := range leaves {
		d := deltas[l.Scan.Object]
		if d == nil || d.N == 0 {
			continue
		}
		b := &rows.Batch{Schema: r.p.Nodes[l.Node].Schema, N: d.N, W: d.W}
		for _, c := range l.Scan.Cols {
			b.Cols = append(b.Cols, d.Cols[c])
		}
		if err := r.ctxs[l.Node].Emit(b); err != nil {
			return err
		}
	}
	for i, o := range r.ops {
		if o == nil {
			continue
		}
		if err := o.Finish(r.ctxs[i]); err != nil {
			return err
		}
	}
	return nil
}

// content lists the rows of the result; an error tells of a broken promise of the plan.
func (r *runner) content() ([]string, error) {
	var out []string
	for row, w := range r.sum {
		if w < 0 {
			return nil, fmt.Errorf("row %q occurs %d times", row, w)
		}
		for range w {
			out = append(out, row)
		}
	}
	for _, w := range r.key {
		if w < 0 || w > 1 {
			return nil, fmt.Errorf("the key %v is not unique", r.p.Key)
		}
	}
	sort.Strings(out)
	return out, nil
}

// history makes random changes of the tables and keeps their contents.
type history struct {
	*memory
	rng    *rand.Rand
	live   map[uint32][]int // rows of all that exist
	all    map[uint32]*rows.Batch
	insert bool // insertions only
}

// step changes every table and returns the deltas.
func (h *history) step() map[uint32]*rows.Batch {
	out := map[uint32]*rows.Batch{}
	for _, o := range h.cat.Objects() {
		if o.Kind != catalog.Table && o.Kind != catalog.Source {
			continue
		}
		pool := h.all[o.ID]
		if pool == nil {
			continue
		}
		live := map[int]bool{}
		for _, i := range h.live[o.ID] {
			live[i] = true
		}
		b := rows.NewBuilder(o.Fields(), 0)
		for range 1 + h.rng.Intn(5) {
			i := h.rng.Intn(pool.N)
			switch {
			case !live[i]:
				live[i] = true
				b.AppendRow(pool, i, 1)
			case !h.insert:
				delete(live, i)
				b.AppendRow(pool, i, -1)
			}
		}
		h.live[o.ID] = nil
		now := rows.NewBuilder(o.Fields(), 0)
		for i := range pool.N {
			if live[i] {
				h.live[o.ID] = append(h.live[o.ID], i)
				now.AppendRow(pool, i, 1)
			}
		}
		h.data[o.ID] = now.Finish()
		out[o.ID] = b.Finish()
	}
	return out
}

// TestIncremental maintains the queries of testdata/results as views over random changes and
// compares with the batch answer after every epoch, with tables and with append-only sources.
func TestIncremental(t *testing.T) {
	files, _ := filepath.Glob("testdata/results/*")
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			planned, refused := 0, 0
			for _, sources := range []bool{false, true} {
				m := &memory{world: newWorld(t), data: map[uint32]*rows.Batch{}}
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
					if os.Getenv("TIDEMILL_SLOW") == "" && len(d.CmdArgs) > 0 && d.CmdArgs[0].Key == "slow" {
						return d.Expected
					}
					stmts, err := parse.Parse(d.Input)
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range stmts {
						switch st := s.Stmt.(type) {
						case *ast.Insert:
							err = m.insert(st)
						case *ast.Query:
							if sources {
								m.appendOnly()
							}
							var ok bool
							if ok, err = m.maintain(st, s.Text, sources); ok {
								planned++
							} else if err == nil {
								refused++
							}
						default:
							err = m.create(st)
						}
						if err != nil {
							t.Errorf("%v\n%s", err, s.Text)
						}
					}
					return d.Expected
				})
			}
			if planned == 0 {
				t.Error("no query could be maintained")
			}
			t.Logf("%d views maintained, %d refused", planned, refused)
		})
	}
}

// appendOnly makes sources of all tables, which have no key and never retract.
func (m *memory) appendOnly() {
	for _, o := range m.cat.Objects() {
		if o.Kind == catalog.Table {
			c := *o
			c.Kind, c.AppendOnly = catalog.Source, true
			m.cat = m.cat.WithObject(&c)
		}
	}
}

// maintain runs one view; false without an error means that the planner refuses it.
func (m *memory) maintain(st *ast.Query, text string, insertOnly bool) (bool, error) {
	offs := []map[string]bool{{}, {"twophase": true, "share": true}, {"hop": true, "fold": true, "fold2": true}}
	for _, r := range rewrite.Rules { // a twentieth of the queries without each rule
		if !r.Needed && (len(text)+len(r.Name)*3+int(r.Name[0]))%20 == 0 {
			offs = append(offs, map[string]bool{r.Name: true})
		}
	}
	for _, off := range offs {
		view, err := planner.Options{Off: off}.PlanView(m.context(), st.Select, numbered(st.Select))
		if err != nil {
			if os.Getenv("TIDEMILL_VERBOSE") != "" {
				fmt.Printf("refused: %v: %s\n", err, text)
			}
			if c := sqlerr.As(err).Code; c == sqlerr.FeatureNotSupported || c == sqlerr.DuplicateColumn {
				return false, nil
			}
			return false, err
		}
		query, err := planner.PlanQuery(m.context(), st.Select)
		if err != nil {
			return false, err
		}
		h := &history{memory: &memory{world: m.world, data: map[uint32]*rows.Batch{}}, rng: rand.New(rand.NewSource(int64(len(text)))),
			live: map[uint32][]int{}, all: m.data, insert: insertOnly}
		r, err := newRunner(view.Plan)
		if err != nil {
			return false, err
		}
		for n := range uint64(12) {
			deltas := map[uint32]*rows.Batch{}
			if n > 0 {
				deltas = h.step()
			}
			err := r.epoch(n+1, deltas)
			if severalRows(err) {
				if _, batch := h.answer(query); !severalRows(batch) {
					return false, fmt.Errorf("epoch %d, off %v: %w, batch: %v", n, off, err, batch)
				}
				break
			} else if err != nil {
				return false, fmt.Errorf("epoch %d, off %v: %w", n, off, err)
			}
			got, err := r.content()
			if err != nil {
				return false, fmt.Errorf("epoch %d, off %v: %w", n, off, err)
			}
			want, err := h.answer(query)
			if err != nil {
				return false, err
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				return false, fmt.Errorf("epoch %d, off %v: view has\n%s\nbatch answer\n%s\n%s", n, off, strings.Join(got, "\n"),
					strings.Join(want, "\n"), strings.Join(planner.Explain(view, true), "\n"))
			}
		}
	}
	return true, nil
}

// severalRows tells that a scalar subquery gave more than one row.
func severalRows(err error) bool {
	return err != nil && sqlerr.As(err).Code == sqlerr.CardinalityViolation
}

// answer is the batch answer in the text form of content.
func (h *history) answer(q *planner.Query) ([]string, error) {
	var out []string
	err := h.execute(q, func(b *rows.Batch) {
		for k := range b.Len() {
			i := b.Row(k)
			cells := make([]string, q.Plan.Visible)
			for c := range cells {
				cells[c] = cell(b.Cols[c], i)
			}
			for range b.Weight(i) {
				out = append(out, strings.Join(cells, "|"))
			}
		}
	})
	sort.Strings(out)
	return out, err
}

// numbered gives the columns of a view names of their own.
func numbered(sel *ast.Select) []string {
	for sel.SetOp != "" {
		sel = sel.Left
	}
	n := len(sel.Items)
	if sel.Values != nil {
		n = len(sel.Values[0])
	}
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("c%d", i+1)
		if i < len(sel.Items) {
			if _, ok := sel.Items[i].Expr.(*ast.Star); ok {
				return nil
			}
		}
	}
	return out
}
