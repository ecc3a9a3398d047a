// Package cast registers the casts among the built-in types, with Postgres's contexts.
//
// There are three sources of casts. The pairs of pg_cast have a kernel of their own in number.go,
// clock.go and misc.go. Every other type converts to and from the character types through its text
// form (text.go): to them when assigned, from them only explicitly. Arrays convert element by
// element (array.go), records field by field (record.go). A kernel applies the modifiers of its target as an explicit cast does, cutting
// texts that are too long; where a value is stored the planner calls the function varchar(v, n, false)
// or bpchar(v, n, false) instead, which refuse them.
package cast

import (
	"strings"
	"unsafe"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// pgCasts are the lines of pg_cast: source, target, context (i implicit, a assignment, e explicit).
const pgCasts = `
bool bpchar a; bool int4 e; bool text a; bool varchar a; bpchar bpchar i; bpchar char a; bpchar name i;
bpchar text i; bpchar varchar i; char bpchar a; char int4 e; char text i; char varchar a;
date timestamp i; date timestamptz i; float4 float8 i; float4 int2 a; float4 int4 a; float4 int8 a;
float4 numeric a; float8 float4 a; float8 int2 a; float8 int4 a; float8 int8 a; float8 numeric a;
int2 float4 i; int2 float8 i; int2 int4 i; int2 int8 i; int2 numeric i; int2 oid i; int2 regclass i;
int2 regnamespace i; int2 regproc i; int2 regrole i; int2 regtype i; int4 bool e; int4 char e;
int4 float4 i; int4 float8 i; int4 int2 a; int4 int8 i; int4 numeric i; int4 oid i; int4 regclass i;
int4 regnamespace i; int4 regproc i; int4 regrole i; int4 regtype i; int8 float4 i; int8 float8 i;
int8 int2 a; int8 int4 a; int8 numeric i; int8 oid i; int8 regclass i; int8 regnamespace i;
int8 regproc i; int8 regrole i; int8 regtype i; interval interval i; interval time a; json jsonb a;
jsonb bool e; jsonb float4 e; jsonb float8 e; jsonb int2 e; jsonb int4 e; jsonb int8 e; jsonb json a;
jsonb numeric e; name bpchar a; name text i; name varchar a; numeric float4 i; numeric float8 i;
numeric int2 a; numeric int4 a; numeric int8 a; numeric numeric i; oid int4 a; oid int8 a;
oid regclass i; oid regnamespace i; oid regproc i; oid regrole i; oid regtype i; regclass int4 a;
regclass int8 a; regclass oid i; regnamespace int4 a; regnamespace int8 a; regnamespace oid i;
regproc int4 a; regproc int8 a; regproc oid i; regrole int4 a; regrole int8 a; regrole oid i;
regtype int4 a; regtype int8 a; regtype oid i; text bpchar i; text char a; text name i;
text regclass i; text varchar i; time interval i; time time i; timestamp date a; timestamp time a;
timestamp timestamp i; timestamp timestamptz i; timestamptz date a; timestamptz time a;
timestamptz timestamp a; timestamptz timestamptz i; varchar bpchar i; varchar char a; varchar name i;
varchar regclass i; varchar text i; varchar varchar i`

var contexts = map[string]fn.CastContext{"i": fn.Implicit, "a": fn.Assignment, "e": fn.Explicit}

// pair identifies a cast.
type pair struct{ from, to types.ID }

// charTypes are the types that all others convert to and from by their text form.
var charTypes = []types.ID{types.Text, types.Varchar, types.Bpchar}

func init() {
	done := map[pair]bool{}
	add := func(from, to types.ID, ctx fn.CastContext, k func(from, to types.Type) fn.Kernel) {
		if done[pair{from, to}] {
			return
		}
		done[pair{from, to}] = true
		fn.RegisterCast(fn.Cast{
			From: types.T(from), To: types.T(to), Context: ctx, KernelFor: k, Volatility: volatility(from, to),
		})
	}
	byName := map[string]types.ID{}
	for _, t := range types.All() {
		byName[t.Name()] = t.ID
	}
	for line := range strings.SplitSeq(pgCasts, ";") {
		f := strings.Fields(line)
		from, to := byName[f[0]], byName[f[1]]
		k := kernels[pair{from, to}]
		if k == nil {
			k = viaText
		}
		add(from, to, contexts[f[2]], k)
	}
	all := append(types.All(), types.T(types.Array), types.T(types.Enum))
	for _, t := range all {
		if t.ID == types.Unknown || t.ID == types.Void {
			continue
		}
		for _, s := range charTypes {
			add(t.ID, s, fn.Assignment, viaText)
			add(s, t.ID, fn.Explicit, viaText)
		}
		add(t.ID, types.Name, fn.Explicit, viaText)
		add(types.Name, t.ID, fn.Explicit, viaText)
	}
	add(types.Array, types.Array, fn.Implicit, arrayKernel)
	add(types.Record, types.Record, fn.Implicit, recordKernel)
	for _, v := range []types.ID{types.Int2Vector, types.OIDVector} {
		add(v, types.Array, fn.Implicit, relabel) // one in-column form
	}
}

// volatility is Stable where the session's zone or the catalogue matters.
func volatility(from, to types.ID) fn.Volatility {
	zone := func(id types.ID) bool { return id == types.Timestamptz }
	reg := func(id types.ID) bool {
		return id == types.Regclass || id == types.Regtype || id == types.Regproc ||
			id == types.Regnamespace || id == types.Regrole
	}
	str := func(id types.ID) bool { return types.T(id).IsString() }
	if from != to && (zone(from) || zone(to)) || str(from) && reg(to) || reg(from) && str(to) {
		return fn.Stable
	}
	return fn.Immutable
}

// kernels are the casts of pg_cast that do not go through text.
var kernels = merge(numberKernels, clockKernels, miscKernels)

func merge(ms ...map[pair]func(from, to types.Type) fn.Kernel) map[pair]func(from, to types.Type) fn.Kernel {
	out := map[pair]func(from, to types.Type) fn.Kernel{}
	for _, m := range ms {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// relabel changes the type of a column and shares its buffers.
func relabel(_, to types.Type) fn.Kernel {
	return func(_ *fn.Ctx, args []*rows.Vec, _ []int32, _ int) *rows.Vec {
		out := *args[0]
		out.Type = to
		return &out
	}
}

// view returns b as a string without copying; the callee must not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// env returns the settings of a call, with the transaction time in them.
func env(c *fn.Ctx) *types.Env {
	if c.Env.Now == 0 && c.Now != 0 {
		e := c.Env
		e.Now = c.Now
		return &e
	}
	return &c.Env
}

// Convert casts one value explicitly. It is meant for planning; use the kernels for columns.
func Convert(c *fn.Ctx, d types.Datum, to types.Type) (types.Datum, error) {
	k, ok := fn.FindCast(d.Type, to, fn.Explicit)
	if !ok {
		return d, cannotCast(d.Type, to)
	}
	sub := *c
	sub.Errs = nil
	out := k.KernelFor(d.Type, to)(&sub, []*rows.Vec{rows.Const(d, 1)}, nil, 1)
	if len(sub.Errs) > 0 {
		return d, sub.Errs[0].Err
	}
	return out.Datum(0), nil
}
