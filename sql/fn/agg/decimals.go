package agg

import (
	"math/big"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// The accumulator of numeric sums keeps apart what retraction must be able to take out again: the
// special values are counted, and numbers are summed per display scale, because the result shows
// the greatest scale among the arguments that are there now. Usually there is one.
//
//	flags u8 (1 = counters follow), [NaN, Infinity, -Infinity counts, i64 each]
//	per scale: scale u16, words of the sum u16, words of the sum of squares u16 (0 in plain sums),
//	  count i64, sum, sum of squares (two's complement words)
//
// Nothing is left of it when everything has been taken out.
const (
	decSpecials   = 1
	decSpecialLen = 24
	decEntryHead  = 14
	decCountAt    = 6
)

// decEntry is the part of an accumulator for one scale.
type decEntry struct {
	at         int // where it begins
	scale      int
	sum, sumSq []byte
}

func (e *decEntry) len() int { return decEntryHead + len(e.sum) + len(e.sumSq) }

func decEntryAt(st []byte, at int) decEntry {
	w1, w2 := int(le.Uint16(st[at+2:]))*8, int(le.Uint16(st[at+4:]))*8
	body := at + decEntryHead
	return decEntry{at: at, scale: int(le.Uint16(st[at:])), sum: st[body : body+w1 : body+w1],
		sumSq: st[body+w1 : body+w1+w2 : body+w1+w2]}
}

func decBody(st []byte) int {
	if st[0]&decSpecials != 0 {
		return 1 + decSpecialLen
	}
	return 1
}

// stepDecimal returns the StepVar of numeric aggregates; squares says whether they need Σx².
func stepDecimal(squares bool) func(*fn.Ctx, []byte, []*rows.Vec, int32, int64) []byte {
	return func(_ *fn.Ctx, st []byte, args []*rows.Vec, row int32, w int64) []byte {
		v := args[0]
		if w == 0 || v.Valid != nil && !v.Valid.Get(int(row)) {
			return st
		}
		return addDecimal(st, v.Bytes(int(row)), w, squares)
	}
}

func addDecimal(st, x []byte, w int64, squares bool) []byte {
	if len(st) == 0 {
		st = append(st, 0)
	}
	if types.NumericIsNaN(x) || types.NumericIsInf(x) {
		return decTidy(addSpecial(st, x, w))
	}
	scale := types.NumericScale(x)
	at := decBody(st)
	for at < len(st) {
		e := decEntryAt(st, at)
		if e.scale == scale {
			break
		}
		at += e.len()
	}
	if at == len(st) {
		st = appendEntry(st, scale, squares)
	}
	e := decEntryAt(st, at)
	count := addInt(st[at+decCountAt:], w)
	if len(x) == 9 && x[0] <= 127 && !squares && len(e.sum) == 16 {
		// The small form of types: a coefficient of 64 bits.
		hi, lo := mul128(int64(le.Uint64(x[1:])), w)
		word, grow := addWide(e.sum, 0, lo, hi)
		if grow {
			return replaceEntry(st, e, new(big.Int).Add(wideBig(e.sum), topWord(word, 2)), nil)
		}
		if count == 0 && isZero(e.sum) {
			return decTidy(st)
		}
		return st
	}
	return addBig(st, e, x, w)
}

// topWord is the difference between a number whose sign word was lost and what its words say.
func topWord(word uint64, words int) *big.Int {
	x := new(big.Int).Lsh(big.NewInt(1), uint(words*64))
	if word != 0 {
		return x.Neg(x)
	}
	return x
}

// addBig is the general way: through big numbers.
func addBig(st []byte, e decEntry, x []byte, w int64) []byte {
	coef, _, _ := types.NumericBig(x)
	wt := big.NewInt(w)
	sum := wideBig(e.sum)
	sum.Add(sum, new(big.Int).Mul(coef, wt))
	var sq *big.Int
	if len(e.sumSq) > 0 {
		sq = wideBig(e.sumSq)
		sq.Add(sq, wt.Mul(wt, coef.Mul(coef, coef)))
	}
	st = replaceEntry(st, e, sum, sq)
	return decTidy(st)
}

func appendEntry(st []byte, scale int, squares bool) []byte {
	w2 := 0
	if squares {
		w2 = 2
	}
	st = append(st, byte(scale), byte(scale>>8), 2, 0, byte(w2), 0)
	return append(st, make([]byte, 8+16+w2*8)...)
}

// replaceEntry gives an entry new sums, in as many words as they need.
func replaceEntry(st []byte, e decEntry, sum, sq *big.Int) []byte {
	body := appendWide(nil, sum, 2)
	w1 := len(body) / 8
	if sq != nil {
		body = appendWide(body, sq, 2)
	}
	rest := append([]byte(nil), st[e.at+e.len():]...)
	le.PutUint16(st[e.at+2:], uint16(w1))
	le.PutUint16(st[e.at+4:], uint16(len(body)/8-w1))
	st = append(st[:e.at+decEntryHead], body...)
	return append(st, rest...)
}

func addSpecial(st, x []byte, w int64) []byte {
	if st[0]&decSpecials == 0 {
		out := append([]byte{st[0] | decSpecials}, make([]byte, decSpecialLen)...)
		st = append(out, st[1:]...)
	}
	at := 1
	if types.NumericIsInf(x) {
		if at += 8; types.NumericSign(x) < 0 {
			at += 8
		}
	}
	addInt(st[at:], w)
	return st
}

// decTidy drops entries and counters that are zero.
func decTidy(st []byte) []byte {
	body := decBody(st)
	if st[0]&decSpecials != 0 && isZero(st[1:body]) {
		st = append(st[:1], st[body:]...)
		st[0] &^= decSpecials
		body = 1
	}
	for at := body; at < len(st); {
		e := decEntryAt(st, at)
		if isZero(st[at+decCountAt : at+e.len()]) {
			st = append(st[:at], st[at+e.len():]...)
			continue
		}
		at += e.len()
	}
	if len(st) == 1 {
		return st[:0]
	}
	return st
}

func mergeDecimal(a, b []byte) []byte {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return append(a, b...)
	}
	if b[0]&decSpecials != 0 {
		for i, x := range [][]byte{types.NumericNaN(nil), types.NumericInf(nil, 1), types.NumericInf(nil, -1)} {
			a = addSpecial(a, x, loadInt(b[1+i*8:]))
		}
	}
	for at := decBody(b); at < len(b); {
		e := decEntryAt(b, at)
		to := decBody(a)
		for to < len(a) && decEntryAt(a, to).scale != e.scale {
			x := decEntryAt(a, to)
			to += x.len()
		}
		if to == len(a) {
			a = append(a, b[at:at+e.len()]...)
		} else {
			x := decEntryAt(a, to)
			addInt(a[to+decCountAt:], loadInt(b[at+decCountAt:]))
			sum := wideBig(x.sum)
			sum.Add(sum, wideBig(e.sum))
			var sq *big.Int
			if len(x.sumSq) > 0 {
				sq = wideBig(x.sumSq)
				sq.Add(sq, wideBig(e.sumSq))
			}
			a = replaceEntry(a, x, sum, sq)
		}
		at += e.len()
	}
	return decTidy(a)
}

// decTotal is what an accumulator says: the count of finite arguments, the specials, and the sums
// in units of 10^-scale and 10^-2scale.
type decTotal struct {
	n, nan, posInf, negInf int64
	sum, sumSq             *big.Int
	scale                  int
}

func totalDecimal(st []byte) decTotal {
	t := decTotal{sum: new(big.Int), sumSq: new(big.Int)}
	if len(st) == 0 {
		return t
	}
	if st[0]&decSpecials != 0 {
		t.nan, t.posInf, t.negInf = loadInt(st[1:]), loadInt(st[9:]), loadInt(st[17:])
	}
	for at := decBody(st); at < len(st); {
		e := decEntryAt(st, at)
		t.scale = max(t.scale, e.scale)
		at += e.len()
	}
	for at := decBody(st); at < len(st); {
		e := decEntryAt(st, at)
		t.n += loadInt(st[at+decCountAt:])
		up := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.scale-e.scale)), nil)
		t.sum.Add(t.sum, new(big.Int).Mul(wideBig(e.sum), up))
		t.sumSq.Add(t.sumSq, new(big.Int).Mul(wideBig(e.sumSq), up.Mul(up, up)))
		at += e.len()
	}
	return t
}

func (t *decTotal) count() int64 { return t.n + t.nan + t.posInf + t.negInf }

// special returns the result that the special values force, or nil.
func (t *decTotal) special() []byte {
	switch {
	case t.nan != 0 || t.posInf != 0 && t.negInf != 0:
		return types.NumericNaN(nil)
	case t.posInf != 0:
		return types.NumericInf(nil, 1)
	case t.negInf != 0:
		return types.NumericInf(nil, -1)
	}
	return nil
}

// smallSum reads the usual state, one scale and a sum of 64 bits, without big arithmetic.
func smallSum(st []byte) (x *big.Int, scale int, ok bool) {
	if len(st) != 1+decEntryHead+16 || st[0] != 0 {
		return nil, 0, false
	}
	e := decEntryAt(st, 1)
	lo := load(e.sum, 0)
	if load(e.sum, 1) != signWord(lo) || loadInt(st[1+decCountAt:]) == 0 {
		return nil, 0, false
	}
	return big.NewInt(int64(lo)), e.scale, true
}

func init() {
	fn.RegisterAggregate(fn.Aggregate{
		Name: "sum", Args: []types.Type{numeric}, Ret: numeric, StepVar: stepDecimal(false), Merge: mergeDecimal,
		Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
			if x, scale, ok := smallSum(st); ok {
				out.CommitScratch(types.NumericFromBig(out.Scratch(), x, scale))
				return nil
			}
			t := totalDecimal(st)
			switch special := t.special(); {
			case t.count() == 0:
				out.AppendNull()
			case special != nil:
				out.AppendBytes(special)
			default:
				out.CommitScratch(types.NumericFromBig(out.Scratch(), t.sum, t.scale))
			}
			return nil
		},
		Family: family, Summary: "Sum of the arguments.",
		Examples: []fn.Example{{SQL: "SELECT sum(x) FROM (VALUES (1.5), (2.25), (NULL)) t(x)", Result: "3.75"}},
	})
	fn.RegisterAggregate(fn.Aggregate{
		Name: "avg", Args: []types.Type{numeric}, Ret: numeric, StepVar: stepDecimal(false), Merge: mergeDecimal,
		Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
			t := totalDecimal(st)
			switch special := t.special(); {
			case t.count() == 0:
				out.AppendNull()
			case special != nil:
				out.AppendBytes(special)
			default:
				return commit(out, types.NumericDiv, types.NumericFromBig(nil, t.sum, t.scale), types.NumericFromInt64(nil, t.n))
			}
			return nil
		},
		Family: family, Summary: "Mean of the arguments.",
		Examples: []fn.Example{{SQL: "SELECT avg(x) FROM (VALUES (1.5), (2.25), (NULL)) t(x)", Result: "1.8750000000000000"}},
	})
	forVariances(func(name string, sample, root bool, summary, result string) {
		fn.RegisterAggregate(fn.Aggregate{
			Name: name, Args: []types.Type{numeric}, Ret: numeric, StepVar: stepDecimal(true), Merge: mergeDecimal,
			Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
				t := totalDecimal(st)
				if n := t.count(); t.special() != nil && (n > 1 || n == 1 && !sample) {
					out.AppendBytes(types.NumericNaN(nil))
					return nil
				}
				return appendVariance(out, t.count(), t.sum, t.sumSq, t.scale, sample, root)
			},
			Family: family, Summary: summary,
			Examples: []fn.Example{{SQL: "SELECT " + name + "(x) FROM (VALUES (1.0), (2.0), (4.0)) t(x)", Result: result}},
		})
	})
}
