package join

import (
	"fmt"
	"strings"
	"testing"

	"tidemill/exec/op"
	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// matrix is a join of (k, x) with (k, y), one row of interest on the preserved side.
type matrix struct {
	t    *testing.T
	kind string
	o    op.Operator
	c    *op.Ctx
	raw  []string // every line emitted in the epoch, unconsolidated
}

var (
	matrixLeft  = types.Schema{{Name: "k", Type: int4}, {Name: "x", Type: int4}}
	matrixRight = types.Schema{{Name: "k", Type: int4}, {Name: "y", Type: int4}}
)

func newMatrix(t *testing.T, kind string, residual bool) *matrix {
	c := Config{Kind: kind, LeftKeys: []int{0}, RightKeys: []int{0}}
	if residual { // x < y
		c.Residual = &expr.Expr{
			Kind: expr.Call, Name: "<", Type: types.T(types.Bool), ArgTypes: []types.Type{int4, int4},
			Args: []*expr.Expr{expr.Col(1, int4), expr.Col(3, int4)},
		}
	}
	out := append(append(types.Schema(nil), matrixLeft...), matrixRight...)
	if kind == Semi || kind == Anti {
		out = matrixLeft
	}
	m := &matrix{t: t, kind: kind}
	m.o = optest.NewOperator(t, Name, c, optest.Env([]types.Schema{matrixLeft, matrixRight}, out))
	failed := 0
	m.c = optest.Ctx(func(b *rows.Batch) error {
		m.raw = append(m.raw, strings.Split(strings.TrimSpace(rows.Format(b)), "\n")...)
		return nil
	}, &failed)
	return m
}

// epoch pushes lines such as "L+1 (1, 5)" and compares what is emitted, consolidated, with want.
func (m *matrix) epoch(want string, lines ...string) {
	m.t.Helper()
	m.raw = nil
	for _, l := range lines {
		port, schema := 0, matrixLeft
		if l[0] == 'R' {
			port, schema = 1, matrixRight
		}
		if err := m.o.Push(m.c, port, rows.MustParse(schema, l[1:])); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := m.o.Finish(m.c); err != nil {
		m.t.Fatal(err)
	}
	out := append(append(types.Schema(nil), matrixLeft...), matrixRight...)
	if m.kind == Semi || m.kind == Anti {
		out = matrixLeft
	}
	sum := func(lines []string) string {
		return rows.FormatSorted(rows.MustParse(out, strings.Join(lines, "\n")))
	}
	if g, w := sum(m.raw), sum(strings.Split(want, "; ")); g != w {
		m.t.Fatalf("%s, pushing %q: got\n%swant\n%s", m.kind, lines, g, w)
	}
}

// noPadding fails when the last epoch emitted a padded row at all, even one that was taken back.
func (m *matrix) noPadding() {
	m.t.Helper()
	for _, l := range m.raw {
		if strings.Contains(l, "NULL") {
			m.t.Fatalf("%s: transient %s", m.kind, l)
		}
	}
}

// TestMatrix moves a left row through 0, 1, 2, 1 and 0 matches.
func TestMatrix(t *testing.T) {
	for _, residual := range []bool{false, true} {
		for _, kind := range []string{Inner, Left, Full} {
			t.Run(fmt.Sprintf("%s/%v", kind, residual), func(t *testing.T) { outerMatrix(t, kind, residual) })
		}
		t.Run(fmt.Sprintf("right/%v", residual), func(t *testing.T) { rightMatrix(t, residual) })
		t.Run(fmt.Sprintf("semi/%v", residual), func(t *testing.T) { semiMatrix(t, residual) })
	}
}

func outerMatrix(t *testing.T, kind string, residual bool) {
	m := newMatrix(t, kind, residual)
	pad := func(padding, rest string) string { // inner joins have no padding
		if kind == Inner {
			padding = ""
		}
		return strings.Trim(rest+"; "+padding, "; ")
	}
	m.epoch(pad("+1 (1, 5, NULL, NULL)", ""), "L+1 (1, 5)")
	m.epoch(pad("-1 (1, 5, NULL, NULL)", "+1 (1, 5, 1, 7)"), "R+1 (1, 7)")
	m.epoch("+1 (1, 5, 1, 8)", "R+1 (1, 8)")
	m.epoch("+1 (1, 5, 1, 8)", "R+1 (1, 8)") // a duplicate
	m.epoch("-2 (1, 5, 1, 8)", "R-2 (1, 8)")
	m.epoch(pad("+1 (1, 5, NULL, NULL)", "-1 (1, 5, 1, 7)"), "R-1 (1, 7)")

	// Both sides in one epoch, in both orders: never a padded row.
	m.epoch("+1 (2, 5, 2, 9)", "L+1 (2, 5)", "R+1 (2, 9)")
	m.noPadding()
	m.epoch("+1 (3, 5, 3, 9)", "R+1 (3, 9)", "L+1 (3, 5)")
	m.noPadding()
	m.epoch("-1 (3, 5, 3, 9)", "R-1 (3, 9)", "L-1 (3, 5)")
	m.noPadding()
	// The match is replaced within the epoch.
	m.epoch("-1 (2, 5, 2, 9); +1 (2, 5, 2, 10)", "R-1 (2, 9)", "R+1 (2, 10)")
	m.noPadding()
	m.epoch("-1 (2, 5, 2, 10); +1 (2, 5, 2, 9)", "R+1 (2, 9)", "R-1 (2, 10)")
	m.noPadding()
	// The left row is replaced while it is matched.
	m.epoch("-1 (2, 5, 2, 9); +1 (2, 6, 2, 9)", "L-1 (2, 5)\n+1 (2, 6)")
	m.noPadding()
	// An update moves the left row to a key without a match.
	m.epoch(pad("+1 (9, 6, NULL, NULL)", "-1 (2, 6, 2, 9)"), withoutRight(kind, "L-1 (2, 6)\n+1 (9, 6)", "R-1 (2, 9)")...)

	// NULL keys match nothing, not even each other.
	m.epoch(pad("+2 (NULL, 1, NULL, NULL)", ""), "L+2 (NULL, 1)")
	if kind != Full {
		m.epoch("", "R+1 (NULL, 2)")
	}
	m.epoch(pad("-2 (NULL, 1, NULL, NULL)", ""), "L-2 (NULL, 1)")

	if residual { // equal keys are not enough
		m.epoch(pad("+1 (4, 5, NULL, NULL)", ""), "L+1 (4, 5)")
		if kind != Full {
			m.epoch("", "R+1 (4, 5)")
			m.epoch(pad("-1 (4, 5, NULL, NULL)", "+1 (4, 5, 4, 6)"), "R+1 (4, 6)")
			m.epoch(pad("+1 (4, 5, NULL, NULL)", "-1 (4, 5, 4, 6)"), "R-1 (4, 6)")
		}
	}
}

// withoutRight removes the right row too in a full join, so that it need not be padded.
func withoutRight(kind string, left, right string) []string {
	if kind == Full {
		return []string{left, right}
	}
	return []string{left}
}

func rightMatrix(t *testing.T, residual bool) {
	m := newMatrix(t, Right, residual)
	m.epoch("+2 (NULL, NULL, 1, 7)", "R+2 (1, 7)")
	m.epoch("+2 (1, 5, 1, 7); -2 (NULL, NULL, 1, 7)", "L+1 (1, 5)")
	m.epoch("+2 (1, 4, 1, 7)", "L+1 (1, 4)")
	m.epoch("-2 (1, 5, 1, 7)", "L-1 (1, 5)")
	m.epoch("-2 (1, 4, 1, 7); +2 (NULL, NULL, 1, 7)", "L-1 (1, 4)")
	m.epoch("-2 (NULL, NULL, 1, 7)", "R-2 (1, 7)")
	m.epoch("+1 (NULL, NULL, NULL, 1)", "R+1 (NULL, 1)", "L+1 (NULL, 0)")
}

func semiMatrix(t *testing.T, residual bool) {
	semi, anti := newMatrix(t, Semi, residual), newMatrix(t, Anti, residual)
	both := func(wantSemi, wantAnti string, lines ...string) {
		t.Helper()
		semi.epoch(wantSemi, lines...)
		anti.epoch(wantAnti, lines...)
	}
	both("", "+2 (1, 5)", "L+2 (1, 5)")
	both("+2 (1, 5)", "-2 (1, 5)", "R+1 (1, 7)")
	both("", "", "R+3 (1, 8)") // more matches change nothing
	both("", "", "R-1 (1, 7)\n-2 (1, 8)")
	both("-2 (1, 5)", "+2 (1, 5)", "R-1 (1, 8)")
	both("+1 (2, 5)", "", "L+1 (2, 5)", "R+1 (2, 7)")
	both("", "", "R-1 (2, 7)\n+1 (2, 8)")
	both("-1 (2, 5)", "", "L-1 (2, 5)", "R-1 (2, 8)")
	both("", "+1 (NULL, 5)", "L+1 (NULL, 5)", "R+1 (NULL, 7)")
}

// TestTransientWeights deletes a row before its insertion arrives, within one epoch.
func TestTransientWeights(t *testing.T) {
	for _, residual := range []bool{false, true} {
		m := newMatrix(t, Full, residual)
		m.epoch("+1 (1, 5, NULL, NULL)", "L-1 (1, 5)", "R-1 (1, 7)", "L+2 (1, 5)", "R+1 (1, 7)")
		m.epoch("+1 (1, 5, 1, 7); -1 (1, 5, NULL, NULL)", "R-1 (1, 7)", "R+2 (1, 7)")
		m.epoch("-1 (1, 5, 1, 7); +1 (NULL, NULL, 1, 7)", "L-2 (1, 5)", "L+1 (1, 5)")
	}
}

func BenchmarkJoin(b *testing.B) {
	in := []types.Schema{
		{{Name: "k", Type: types.T(types.Int8)}, {Name: "x", Type: types.T(types.Int8)}},
		{{Name: "k", Type: types.T(types.Int8)}, {Name: "t", Type: types.T(types.Text)}},
	}
	out := append(append(types.Schema(nil), in[0]...), in[1]...)
	const keys = 100_000
	for _, kind := range []string{Inner, Left} {
		for _, fan := range []int{1, 10} {
			b.Run(fmt.Sprintf("%s/1:%d", kind, fan), func(b *testing.B) {
				right := rows.NewBuilder(in[1], 0)
				for i := range keys * fan {
					right.Cols[0].AppendInt(int64(i % keys))
					right.Cols[1].AppendString(fmt.Sprint("row ", i))
					right.EndRow(1)
				}
				o := optest.NewOperator(b, Name, Config{Kind: kind, LeftKeys: []int{0}, RightKeys: []int{0}}, optest.Env(in, out))
				failed, emitted := 0, 0
				c := optest.Ctx(func(b *rows.Batch) error { emitted += b.Len(); return nil }, &failed)
				push := func(port int, batch *rows.Batch) {
					if err := o.Push(c, port, batch); err != nil {
						b.Fatal(err)
					}
				}
				push(1, right.Finish())
				b.ResetTimer()
				meter := optest.StartMeter()
				n := 0
				emitted = 0
				for b.Loop() { // insert 4096 rows in one epoch, take them back in the next
					build := rows.NewBuilder(in[0], 4096)
					for i := range 4096 {
						build.Cols[0].AppendInt(int64((n + i*7919) % keys))
						build.Cols[1].AppendInt(int64(n + i))
						build.EndRow(1)
					}
					batch := build.Finish()
					for _, x := range []*rows.Batch{batch, batch.Negated()} {
						push(0, x)
						if err := o.Finish(c); err != nil {
							b.Fatal(err)
						}
						n += batch.N
					}
				}
				meter.Report(b, n, "row")
				meter.Report(b, emitted, "output")
			})
		}
	}
}
