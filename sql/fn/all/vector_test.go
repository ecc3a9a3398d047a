package all

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Every kernel gives the same for a row whether the row comes alone or in a batch with NULLs, a
// selection and recycled buffers, and changes none of its arguments.
func TestKernelsAreVectorised(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range fn.Scalars() {
		if s.Volatility == fn.Volatile || len(s.Args) == 0 {
			continue
		}
		args, ok := concrete(s.Args)
		if !ok {
			continue
		}
		var scratch fn.Scratch
		for range 6 {
			checkKernel(t, s, args, rng, &scratch)
		}
	}
}

// concrete replaces polymorphic types by ones that there are samples of.
func concrete(ts []types.Type) ([]types.Type, bool) {
	out := make([]types.Type, len(ts))
	for i, ty := range ts {
		switch ty.ID {
		case fn.AnyElement.ID, fn.Any.ID:
			ty = types.T(types.Int4)
		case fn.AnyArray.ID:
			ty = types.ArrayOf(types.T(types.Int4))
		}
		if ty.ID != types.Array && samples[ty.ID] == nil {
			return nil, false
		}
		out[i] = ty
	}
	return out, true
}

func draw(rng *rand.Rand, ty types.Type, big bool) types.Datum {
	if rng.IntN(5) == 0 {
		return types.NullOf(ty)
	}
	vals := samples[ty.ID]
	if ty.Phys() == types.PhysInt && !big { // lengths and counts, which must not be two billion
		vals = []string{"0", "1", "-1", "7", "3"}
		if !ty.IsInteger() {
			vals = samples[ty.ID]
		}
	}
	if ty.ID == types.Array {
		vals = []string{"{}", "{NULL}"}
		if ty.Elem.ID == types.Int4 {
			vals = []string{"{1,2}", "{}", "{NULL,3}"}
		}
	}
	d, err := types.ParseText(ty, vals[rng.IntN(len(vals))], &types.Env{})
	if err != nil {
		panic(err)
	}
	return d
}

func checkKernel(t *testing.T, s *fn.Scalar, ts []types.Type, rng *rand.Rand, scratch *fn.Scratch) {
	n := rng.IntN(80)
	data := make([][]types.Datum, len(ts))
	args := make([]*rows.Vec, len(ts))
	for i, ty := range ts {
		b := rows.NewVecBuilder(ty, n)
		for range n {
			d := draw(rng, ty, mine[s.Name])
			data[i] = append(data[i], d)
			b.AppendDatum(d)
		}
		args[i] = b.Finish()
	}
	var sel []int32
	if rng.IntN(2) == 0 {
		sel = []int32{}
		for i := range n {
			if rng.IntN(2) == 0 {
				sel = append(sel, int32(i))
			}
		}
	}
	before := fmt.Sprint(dump(args))
	c := &fn.Ctx{}
	c.UseScratch(scratch)
	v := s.Kernel(c, args, sel, n)
	if after := fmt.Sprint(dump(args)); after != before {
		t.Fatalf("%s%s changed its arguments", s.Name, names(s.Args))
	}
	if v.Len() != n {
		t.Fatalf("%s(%s): %d values for %d rows", s.Name, names(s.Args), v.Len(), n)
	}
	failed := map[int32]string{}
	for _, e := range c.Errs {
		if _, ok := failed[e.Row]; !ok {
			failed[e.Row] = e.Err.Message
		}
	}
	check := func(i int32) {
		one := make([]*rows.Vec, len(ts))
		null := false
		for k := range ts {
			one[k] = rows.Const(data[k][i], 1)
			null = null || data[k][i].Null
		}
		alone := &fn.Ctx{}
		w := s.Kernel(alone, one, nil, 1)
		if len(alone.Errs) > 0 || failed[i] != "" {
			if len(alone.Errs) == 0 || alone.Errs[0].Err.Message != failed[i] {
				t.Errorf("%s(%s) row %d: error %q in the batch, %v alone", s.Name, names(s.Args), i, failed[i], alone.Errs)
			}
			return
		}
		x, y := v.Datum(int(i)), w.Datum(0)
		if x.Null != y.Null || !x.Null && !(x.B == y.B && x.I == y.I && (x.F == y.F || x.F != x.F && y.F != y.F) && string(x.S) == string(y.S)) {
			t.Errorf("%s(%s) row %d: %v in the batch, %v alone", s.Name, names(s.Args), i, x, y)
		}
		if s.Strict && null && !x.Null {
			t.Errorf("%s(%s): strict, but NULL gives %v", s.Name, names(s.Args), x)
		}
	}
	if sel == nil {
		for i := range int32(n) {
			check(i)
		}
	}
	for _, i := range sel {
		check(i)
	}
	scratch.Recycle(nil)
}

func dump(vs []*rows.Vec) (out [][]types.Datum) {
	for _, v := range vs {
		var ds []types.Datum
		for i := range v.Len() {
			ds = append(ds, v.Datum(i))
		}
		out = append(out, ds)
	}
	return out
}
