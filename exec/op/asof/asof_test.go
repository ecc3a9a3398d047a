package asof

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int4  = types.T(types.Int4)
	stamp = types.T(types.Timestamp)
	left  = types.Schema{{Name: "k", Type: int4}, {Name: "at", Type: stamp}, {Name: "x", Type: int4}}
	right = types.Schema{{Name: "k", Type: int4}, {Name: "at", Type: stamp}, {Name: "y", Type: types.T(types.Text)}}
)

func TestModel(t *testing.T) {
	for _, op := range []string{">=", ">", "<=", "<"} {
		for _, outer := range []bool{false, true} {
			for _, keys := range [][]int{{}, {0}} {
				t.Run(fmt.Sprint(op, outer, keys), func(t *testing.T) {
					t.Parallel()
					optest.Run(t, testCase(op, outer, keys))
				})
			}
		}
	}
}

// TestEventTime lets the floors of both sides rise. What stays is one version per key, and with <= and <
// the left rows that no right row has followed.
func TestEventTime(t *testing.T) {
	for _, op := range []string{">=", ">", "<=", "<"} {
		for _, outer := range []bool{false, true} {
			for _, appendOnly := range [][]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
				for _, keys := range [][]int{{}, {0}} {
					t.Run(fmt.Sprint(op, outer, appendOnly, keys), func(t *testing.T) {
						t.Parallel()
						c := testCase(op, outer, keys)
						c.Time, c.Epochs, c.Seeds, c.AppendOnly, c.Residue = []int{1, 1}, 10, 3, appendOnly, 3
						if op[0] == '<' {
							c.Residue = 1000 // the clocks of both sides may be far apart
						}
						optest.Run(t, c)
					})
				}
			}
		}
	}
}

func testCase(op string, outer bool, keys []int) optest.Case {
	c := Config{Left: outer, LeftKeys: keys, RightKeys: keys, LeftTime: 1, RightTime: 1, Op: op}
	spread := [][]int{keys, keys}
	if len(keys) == 0 {
		spread = nil
	}
	return optest.Case{
		Op: Name, Config: c, In: []types.Schema{left, right}, Out: append(append(types.Schema(nil), left...), right...),
		Keys: spread, Seeds: 30,
		// Keys that meet and times that mostly differ.
		Gen: func(r *rand.Rand, port int) optest.Row {
			row := optest.RandomRow(r, []types.Schema{left, right}[port])
			if !row[0].Null {
				row[0].I = int64(r.IntN(3))
			}
			return row
		},
		Model: func(in []optest.Relation) optest.Relation { return model(c, in) },
	}
}

// better tells whether the right row a is a better match than b.
func better(op string, a, b optest.Row) bool {
	if a[1].I != b[1].I {
		return (a[1].I > b[1].I) == (op[0] == '>')
	}
	return bytes.Compare(encode(a), encode(b)) > 0
}

func encode(row optest.Row) []byte {
	b := optest.Batch(right, optest.Relation{{Row: row, W: 1}})
	return rows.NewRowCodec(right.Types()).Append(nil, b.Cols, 0)
}

func meets(c Config, l, r optest.Row) bool {
	for i, k := range c.LeftKeys {
		if l[k].Null || r[c.RightKeys[i]].Null || l[k].I != r[c.RightKeys[i]].I {
			return false
		}
	}
	if l[1].Null || r[1].Null {
		return false
	}
	switch c.Op {
	case ">=":
		return l[1].I >= r[1].I
	case ">":
		return l[1].I > r[1].I
	case "<=":
		return l[1].I <= r[1].I
	}
	return l[1].I < r[1].I
}

// model looks at all right rows for every left row.
func model(c Config, in []optest.Relation) (out optest.Relation) {
	for _, l := range in[0] {
		var best optest.Row
		for _, r := range in[1] {
			if meets(c, l.Row, r.Row) && (best == nil || better(c.Op, r.Row, best)) {
				best = r.Row
			}
		}
		switch {
		case best != nil:
			out = append(out, optest.Weighted{Row: optest.Concat(l.Row, best), W: l.W})
		case c.Left:
			out = append(out, optest.Weighted{Row: optest.Concat(l.Row, optest.Nulls(right)), W: l.W})
		}
	}
	return out
}
