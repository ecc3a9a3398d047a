package system

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	familySession = "Session information"
	familyCatalog = "System catalogue"
	familyAdmin   = "Administration"
)

var (
	boolT     = types.T(types.Bool)
	int2T     = types.T(types.Int2)
	int4T     = types.T(types.Int4)
	int8T     = types.T(types.Int8)
	float8T   = types.T(types.Float8)
	numericT  = types.T(types.Numeric)
	textT     = types.T(types.Text)
	nameT     = types.T(types.Name)
	oidT      = types.T(types.OID)
	voidT     = types.T(types.Void)
	tstzT     = types.T(types.Timestamptz)
	regclassT = types.T(types.Regclass)
	nodeT     = types.T(types.PgNodeTree)
	namesT    = types.ArrayOf(nameT)
)

func sig(ts ...types.Type) []types.Type { return ts }

// spec is a line of this package's tables. Types are written as one string of letters: see letters.
type spec struct {
	name    string
	args    string // one alternative per word; "-" = no arguments
	ret     types.Type
	f       func(c *fn.Ctx, args []types.Datum) (types.Datum, error)
	strict  bool
	summary string
}

// letters name argument types in spec.args.
var letters = map[byte]types.Type{
	'o': oidT, 't': textT, 'n': nameT, 'i': int4T, 'l': int8T, 's': int2T, 'b': boolT, 'f': float8T,
	'c': regclassT, 'x': nodeT, 'a': fn.Any, 'd': numericT, 'v': types.T(types.OIDVector), 'p': types.T(types.Regtype),
	'j': types.T(types.InternalChar), 'r': types.T(types.Regproc), 'h': types.T(types.Xid),
}

// define registers the functions of a table.
func define(family string, volatility fn.Volatility, list []spec) {
	for _, s := range list {
		start := 0
		for i := 0; i <= len(s.args); i++ {
			if i < len(s.args) && s.args[i] != ' ' {
				continue
			}
			var args []types.Type
			for _, l := range []byte(s.args[start:i]) {
				if l != '-' {
					args = append(args, letters[l])
				}
			}
			start = i + 1
			fn.RegisterScalar(fn.Scalar{Name: s.name, Args: args, Ret: s.ret, Strict: s.strict, Volatility: volatility,
				Kernel: kernel(s, args), Family: family, Summary: s.summary})
		}
	}
}

func kernel(s spec, declared []types.Type) fn.Kernel {
	return func(c *fn.Ctx, vecs []*rows.Vec, sel []int32, n int) *rows.Vec {
		args := make([]types.Datum, len(declared))
		return fn.Rowwise(s.ret, s.strict, func(c *fn.Ctx, vecs []*rows.Vec, i int, out *rows.VecBuilder) error {
			for k, v := range vecs {
				args[k] = v.Datum(i)
			}
			d, err := s.f(c, args)
			if err != nil {
				return err
			}
			out.AppendDatum(d)
			return nil
		})(c, vecs, sel, n)
	}
}

func noSession(what string) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "%s is not available here", what).
		WithHint("It depends on the session, which a materialized view does not have.")
}

type body = func(c *fn.Ctx, args []types.Datum) (types.Datum, error)

// info returns a fact about the session.
func info(what string) body {
	return func(c *fn.Ctx, _ []types.Datum) (types.Datum, error) {
		if c.Session == nil {
			return types.Datum{}, noSession(what)
		}
		return types.TextDatum(c.Session.Info(what)), nil
	}
}

// ask hands the call to the catalogue under the given name.
func ask(name string) body {
	return func(c *fn.Ctx, args []types.Datum) (types.Datum, error) {
		if c.Session == nil {
			return types.Datum{}, noSession(name)
		}
		return c.Session.Catalog(name, args)
	}
}

// always gives the same value.
func always(d types.Datum) body {
	return func(*fn.Ctx, []types.Datum) (types.Datum, error) { return d, nil }
}

var (
	yes    = always(types.BoolDatum(true))
	no     = always(types.BoolDatum(false))
	null   = always(types.Datum{Null: true})
	empty  = always(types.TextDatum(""))
	zero   = always(types.Datum{})
	doNone = always(types.Datum{Type: voidT})
)
