package json

import (
	"math"
	"strconv"
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// pathRun evaluates a path over one document. Errors of the path language are ordinary errors here;
// a condition turns those of its operands into the truth value unknown.
type pathRun struct {
	strict  bool
	root    *types.JSONValue
	vars    *types.JSONValue
	current *types.JSONValue
	fatal   error // what no condition may hide
	size    int   // of the innermost array that is being subscripted
	// moments are the items that .datetime() has made; zones is what converts between those with and
	// without time zone, nil = nothing may.
	moments map[*types.JSONValue]*pathMoment
	zones   *fn.Ctx
	made    map[*types.JSONMember]int64 // objects that .keyvalue() has made, by first member, numbered
}

// truth is SQL/JSON's three-valued logic.
type truth uint8

const (
	isFalse truth = iota
	isTrue
	isUnknown
)

func truthOf(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// The SQLSTATEs of SQL/JSON.
const (
	codeSubscript  sqlerr.Code = "22033"
	codeNonNumeric sqlerr.Code = "22036"
	codeSingleton  sqlerr.Code = "22038"
	codeNoArray    sqlerr.Code = "22039"
	codeNoMember   sqlerr.Code = "2203A"
	codeNoNumber   sqlerr.Code = "2203B"
	codeNoObject   sqlerr.Code = "2203C"
	pathItemsMax               = 1 << 24
)

// yield takes an item; false ends the evaluation.
type yield func(*types.JSONValue) bool

// items hands the items of a node to f. It returns false when f ended it.
func (r *pathRun) items(n *pathNode, f yield) (bool, error) {
	start := func(v *types.JSONValue) (bool, error) { return r.follow(n.steps, v, true, f) }
	switch n.kind {
	case pathRoot:
		return start(r.root)
	case pathCurrent:
		return start(r.current)
	case pathLast:
		return start(numberItem(int64(r.size) - 1))
	case pathLiteral:
		return start(&n.lit)
	case pathVar:
		v, err := r.variable(n.op)
		if err != nil {
			return false, err
		}
		return start(v)
	case pathParen:
		var failure error
		more, err := r.items(n.left, func(v *types.JSONValue) bool {
			ok, err := r.follow(n.steps, v, true, f)
			failure = err
			return ok && err == nil
		})
		if err == nil {
			err = failure
		}
		return more, err
	case pathArith, pathSign:
		return r.arithmetic(n, f)
	}
	v := &types.JSONValue{}
	switch t := r.test(n); t {
	case isTrue, isFalse:
		v = &types.JSONValue{Kind: types.JSONBool, Bool: t == isTrue}
	}
	return start(v)
}

func (r *pathRun) variable(name string) (*types.JSONValue, error) {
	if r.vars != nil {
		if v := member(r.vars, name); v != nil {
			return v, nil
		}
	}
	r.fatal = sqlerr.New(sqlerr.UndefinedObject, "could not find jsonpath variable \"%s\"", name)
	return nil, r.fatal
}

func numberItem(n int64) *types.JSONValue {
	return &types.JSONValue{Kind: types.JSONNumber, Num: types.NumericFromInt64(nil, n)}
}

// list collects the items of a node; in lax mode arrays among them are taken apart when unwrap is set.
func (r *pathRun) list(n *pathNode, unwrap bool) ([]*types.JSONValue, error) {
	var out []*types.JSONValue
	_, err := r.items(n, func(v *types.JSONValue) bool {
		if unwrap && !r.strict && v.Kind == types.JSONArray {
			for i := range v.Items {
				out = append(out, &v.Items[i])
			}
		} else {
			out = append(out, v)
		}
		return len(out) < pathItemsMax
	})
	if err == nil && len(out) >= pathItemsMax {
		err = sqlerr.New(sqlerr.ProgramLimitExceeded, "a jsonpath gives more than %d items", pathItemsMax)
	}
	return out, err
}

// follow applies accessors to v. In lax mode an accessor of objects goes into the elements of an
// array, one level deep: unwrap says that this may still happen.
func (r *pathRun) follow(steps []pathStep, v *types.JSONValue, unwrap bool, f yield) (bool, error) {
	if len(steps) == 0 {
		return f(v), nil
	}
	s, rest := &steps[0], steps[1:]
	next := func(x *types.JSONValue) (bool, error) { return r.follow(rest, x, true, f) }
	if v.Kind == types.JSONArray && unwrap && !r.strict && s.unwraps() {
		for i := range v.Items {
			if more, err := r.follow(steps, &v.Items[i], false, f); !more || err != nil {
				return more, err
			}
		}
		return true, nil
	}
	switch s.kind {
	case stepKey:
		return r.byKey(s, v, next)
	case stepAnyKey:
		if v.Kind != types.JSONObject {
			return r.structural(codeNoObject, "jsonpath wildcard member accessor can only be applied to an object")
		}
		for i := range v.Members {
			if more, err := next(&v.Members[i].Value); !more || err != nil {
				return more, err
			}
		}
		return true, nil
	case stepAnyItem:
		if v.Kind != types.JSONArray {
			if r.strict {
				return false, sqlerr.New(codeNoArray, "jsonpath wildcard array accessor can only be applied to an array")
			}
			return next(v)
		}
		for i := range v.Items {
			if more, err := next(&v.Items[i]); !more || err != nil {
				return more, err
			}
		}
		return true, nil
	case stepIndex:
		return r.byIndex(s, v, next)
	case stepDeep:
		return r.deep(s, v, 0, next)
	case stepMethod:
		if s.name == "keyvalue" {
			return r.keyValue(v, next)
		}
		x, err := r.method(s, v)
		if err != nil {
			return false, err
		}
		return next(x)
	}
	outer := r.current
	r.current = v
	ok := r.test(s.pred)
	r.current = outer
	if ok == isTrue {
		return next(v)
	}
	return true, nil
}

// unwraps tells whether the step works on the elements of an array in lax mode.
func (s *pathStep) unwraps() bool {
	switch s.kind {
	case stepKey, stepAnyKey, stepFilter:
		return true
	case stepMethod:
		return s.name != "type" && s.name != "size"
	}
	return false
}

// structural is a value of another form than the path says: nothing in lax mode, an error in strict.
func (r *pathRun) structural(code sqlerr.Code, format string, args ...any) (bool, error) {
	if !r.strict {
		return true, nil
	}
	return false, sqlerr.New(code, format, args...)
}

func (r *pathRun) byKey(s *pathStep, v *types.JSONValue, next func(*types.JSONValue) (bool, error)) (bool, error) {
	if v.Kind != types.JSONObject {
		return r.structural(codeNoMember, "jsonpath member accessor can only be applied to an object")
	}
	if m := member(v, s.name); m != nil {
		return next(m)
	}
	return r.structural(codeNoMember, "JSON object does not contain key \"%s\"", s.name)
}

func (r *pathRun) byIndex(s *pathStep, v *types.JSONValue, next func(*types.JSONValue) (bool, error)) (bool, error) {
	one := []types.JSONValue{*v}
	list := one
	if v.Kind == types.JSONArray {
		list = v.Items
	} else if r.strict {
		return false, sqlerr.New(codeNoArray, "jsonpath array accessor can only be applied to an array")
	}
	outer := r.size
	defer func() { r.size = outer }()
	for _, sub := range s.subs {
		r.size = len(list)
		from, err := r.subscript(sub[0])
		if err != nil {
			return false, err
		}
		to := from
		if sub[1] != nil {
			if to, err = r.subscript(sub[1]); err != nil {
				return false, err
			}
		}
		if r.strict && (from < 0 || from > to || to >= len(list)) {
			return false, sqlerr.New(codeSubscript, "jsonpath array subscript is out of bounds")
		}
		for i := max(from, 0); i <= min(to, len(list)-1); i++ {
			if more, err := next(&list[i]); !more || err != nil {
				return more, err
			}
		}
	}
	return true, nil
}

func (r *pathRun) subscript(n *pathNode) (int, error) {
	list, err := r.list(n, false)
	if err != nil {
		return 0, err
	}
	if len(list) != 1 || list[0].Kind != types.JSONNumber {
		return 0, sqlerr.New(codeSubscript, "jsonpath array subscript is not a single numeric value")
	}
	i, err := types.NumericToInt64(types.NumericTrunc(nil, list[0].Num, 0))
	if err != nil || i < math.MinInt32 || i > math.MaxInt32 {
		return 0, sqlerr.New(codeSubscript, "jsonpath array subscript is out of integer range")
	}
	return int(i), nil
}

// deep visits v and what is below it, from level s.lo to s.hi.
func (r *pathRun) deep(s *pathStep, v *types.JSONValue, level int, next func(*types.JSONValue) (bool, error)) (bool, error) {
	leaf := v.Kind < types.JSONArray
	if s.lo >= 0 && level >= s.lo && (s.hi < 0 || level <= s.hi) || s.lo < 0 && leaf {
		lax := r.strict
		r.strict = false // what follows may not fit everywhere
		more, err := next(v)
		r.strict = lax
		if !more || err != nil {
			return more, err
		}
	}
	if s.hi >= 0 && level >= s.hi {
		return true, nil
	}
	for i := range v.Items {
		if more, err := r.deep(s, &v.Items[i], level+1, next); !more || err != nil {
			return more, err
		}
	}
	for i := range v.Members {
		if more, err := r.deep(s, &v.Members[i].Value, level+1, next); !more || err != nil {
			return more, err
		}
	}
	return true, nil
}

func (r *pathRun) method(s *pathStep, v *types.JSONValue) (*types.JSONValue, error) {
	name := s.name
	switch name {
	case "type":
		if m := r.moments[v]; m != nil {
			return &types.JSONValue{Kind: types.JSONString, Str: timeKindNames[m.kind]}, nil
		}
		return &types.JSONValue{Kind: types.JSONString, Str: kindNames[v.Kind]}, nil
	case "datetime":
		return r.datetime(s, v)
	case "size":
		if v.Kind == types.JSONArray {
			return numberItem(int64(len(v.Items))), nil
		}
		if r.strict {
			return nil, sqlerr.New(codeNoArray, "jsonpath item method .size() can only be applied to an array")
		}
		return numberItem(1), nil
	case "double":
		return double(v)
	}
	if v.Kind != types.JSONNumber {
		return nil, sqlerr.New(codeNonNumeric, "jsonpath item method .%s() can only be applied to a numeric value", name)
	}
	out := &types.JSONValue{Kind: types.JSONNumber}
	switch name {
	case "abs":
		out.Num = types.NumericAbs(nil, v.Num)
	case "floor":
		out.Num = types.NumericFloor(nil, v.Num, 0)
	default:
		out.Num = types.NumericCeil(nil, v.Num, 0)
	}
	return out, nil
}

func double(v *types.JSONValue) (*types.JSONValue, error) {
	switch v.Kind {
	case types.JSONNumber:
		if f := types.NumericToFloat64(v.Num); math.IsInf(f, 0) {
			return nil, sqlerr.New(codeNonNumeric, "numeric argument of jsonpath item method .double() is out of range for type double precision")
		}
		return v, nil
	case types.JSONString:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Str), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, sqlerr.New(codeNonNumeric, "string argument of jsonpath item method .double() is not a valid representation of a double precision number")
		}
		return &types.JSONValue{Kind: types.JSONNumber, Num: types.NumericFromFloat64(nil, f)}, nil
	}
	return nil, sqlerr.New(codeNonNumeric, "jsonpath item method .double() can only be applied to a string or numeric value")
}

func (r *pathRun) arithmetic(n *pathNode, f yield) (bool, error) {
	left, err := r.list(n.left, true)
	if err != nil {
		return false, err
	}
	if n.kind == pathSign {
		for _, v := range left {
			if v.Kind != types.JSONNumber {
				return false, sqlerr.New(codeNoNumber, "operand of unary jsonpath operator %s is not a numeric value", n.op)
			}
			if n.op == "-" {
				v = &types.JSONValue{Kind: types.JSONNumber, Num: types.NumericNeg(nil, v.Num)}
			}
			if !f(v) {
				return false, nil
			}
		}
		return true, nil
	}
	right, err := r.list(n.right, true)
	if err != nil {
		return false, err
	}
	for i, side := range [][]*types.JSONValue{left, right} {
		if len(side) != 1 || side[0].Kind != types.JSONNumber {
			return false, sqlerr.New(codeSingleton, "%s operand of jsonpath operator %s is not a single numeric value", [2]string{"left", "right"}[i], n.op)
		}
	}
	ops := map[string]func(dst, a, b []byte) ([]byte, error){
		"+": types.NumericAdd, "-": types.NumericSub, "*": types.NumericMul, "/": types.NumericDiv, "%": types.NumericMod,
	}
	num, err := ops[n.op](nil, left[0].Num, right[0].Num)
	if err != nil {
		return false, err
	}
	return f(&types.JSONValue{Kind: types.JSONNumber, Num: num}), nil
}

// test evaluates a condition.
func (r *pathRun) test(n *pathNode) truth {
	switch n.kind {
	case pathAnd:
		l := r.test(n.left)
		if l == isFalse {
			return isFalse
		}
		if x := r.test(n.right); x != isTrue {
			return x
		}
		return l
	case pathOr:
		l := r.test(n.left)
		if l == isTrue {
			return isTrue
		}
		if x := r.test(n.right); x != isFalse {
			return x
		}
		return l
	case pathNot:
		switch r.test(n.left) {
		case isTrue:
			return isFalse
		case isFalse:
			return isTrue
		}
		return isUnknown
	case pathUnknown:
		return truthOf(r.test(n.left) == isUnknown)
	case pathExists:
		found := false
		_, err := r.items(n.left, func(*types.JSONValue) bool {
			found = true
			return r.strict
		})
		if err != nil {
			return isUnknown
		}
		return truthOf(found)
	}
	return r.pairs(n)
}

// pairs tests whether some pair of operands meets the condition.
func (r *pathRun) pairs(n *pathNode) truth {
	left, err := r.list(n.left, true)
	if err != nil {
		return isUnknown
	}
	right := []*types.JSONValue{nil}
	if n.right != nil {
		if right, err = r.list(n.right, true); err != nil {
			return isUnknown
		}
	}
	found, unknown := false, false
	for _, a := range left {
		for _, b := range right {
			switch r.pair(n, a, b) {
			case isUnknown:
				if r.strict {
					return isUnknown
				}
				unknown = true
			case isTrue:
				if !r.strict {
					return isTrue
				}
				found = true
			}
		}
	}
	switch {
	case found:
		return isTrue
	case unknown:
		return isUnknown
	}
	return isFalse
}

func (r *pathRun) pair(n *pathNode, a, b *types.JSONValue) truth {
	switch n.kind {
	case pathRegex:
		if a.Kind != types.JSONString {
			return isUnknown
		}
		ok, err := n.re.Match([]byte(a.Str))
		if err != nil {
			r.fatal = err
		}
		return truthOf(ok)
	case pathStarts:
		if a.Kind != types.JSONString || b.Kind != types.JSONString {
			return isUnknown
		}
		return truthOf(strings.HasPrefix(a.Str, b.Str))
	}
	if a.Kind != b.Kind {
		if a.Kind == types.JSONNull || b.Kind == types.JSONNull {
			return truthOf(n.op == "!=") // null is just another value
		}
		return isUnknown
	}
	c := 0
	switch a.Kind {
	case types.JSONNull:
	case types.JSONBool:
		if a.Bool != b.Bool {
			c = -1
			if a.Bool {
				c = 1
			}
		}
	case types.JSONNumber:
		c = types.NumericCmp(a.Num, b.Num)
	case types.JSONString:
		x, y := r.moments[a], r.moments[b]
		if x == nil && y == nil {
			c = strings.Compare(a.Str, b.Str)
			break
		}
		ok := false
		if x != nil && y != nil {
			c, ok = r.compareMoments(x, y)
		}
		if !ok {
			return isUnknown
		}
	default:
		return isUnknown
	}
	switch n.op {
	case "==":
		return truthOf(c == 0)
	case "!=":
		return truthOf(c != 0)
	case "<":
		return truthOf(c < 0)
	case "<=":
		return truthOf(c <= 0)
	case ">":
		return truthOf(c > 0)
	}
	return truthOf(c >= 0)
}
