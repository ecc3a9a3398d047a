package json

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// pathCall is a call of a path function: its document, path, variables and the wish not to hear of
// errors.
type pathCall struct {
	path   *jsonPath
	run    pathRun
	silent bool
	root   types.JSONValue
	vars   types.JSONValue
}

// newPathCall parses the arguments: document, path [, variables [, silent]]. zones is given to the functions
// that may convert between moments with and without time zone.
func newPathCall(doc, path []byte, vars []byte, silent bool, zones *fn.Ctx) (*pathCall, error) {
	c := &pathCall{silent: silent}
	var err error
	if c.path, err = parsePath(path); err != nil {
		return nil, err
	}
	if c.root, err = types.ParseJSON(doc); err != nil {
		return nil, err
	}
	c.run = pathRun{strict: c.path.strict, root: &c.root, current: &c.root, zones: zones}
	if vars != nil {
		if c.vars, err = types.ParseJSON(vars); err != nil {
			return nil, err
		}
		if c.vars.Kind != types.JSONObject {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "\"vars\" argument is not an object").
				WithDetail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.")
		}
		c.run.vars = &c.vars
	}
	return c, nil
}

// quiet drops an error that the caller does not want to hear of. A missing variable is always said.
func (c *pathCall) quiet(err error) (bool, error) {
	if c.run.fatal != nil {
		return true, c.run.fatal
	}
	if err != nil && c.silent {
		return true, nil
	}
	return err != nil, err
}

// exists tells whether the path gives anything; ok is false for NULL.
func (c *pathCall) exists() (found, ok bool, err error) {
	_, err = c.run.items(c.path.root, func(*types.JSONValue) bool {
		found = true
		return c.run.strict // in strict mode a later error counts
	})
	failed, err := c.quiet(err)
	return found, !failed, err
}

// match gives the truth value of a path that is a condition; ok is false for NULL.
func (c *pathCall) match() (value, ok bool, err error) {
	list, err := c.run.list(c.path.root, false)
	failed, err := c.quiet(err)
	switch {
	case err != nil:
		return false, false, err
	case !failed && len(list) == 1 && list[0].Kind == types.JSONBool:
		return list[0].Bool, true, nil
	case !failed && len(list) == 1 && list[0].Kind == types.JSONNull, c.silent:
		return false, false, nil
	}
	return false, false, sqlerr.New(codeSingleton, "single boolean result is expected")
}

// query gives the items; those before an error that is not to be heard of count.
func (c *pathCall) query() ([]*types.JSONValue, error) {
	var out []*types.JSONValue
	_, err := c.run.items(c.path.root, func(v *types.JSONValue) bool {
		out = append(out, v)
		return len(out) < pathItemsMax
	})
	_, err = c.quiet(err)
	return out, err
}

// pathKernel makes the kernel of a path function.
func pathKernel(ret types.Type, zoned bool, f func(c *pathCall, out *rows.VecBuilder) error) fn.Kernel {
	return fn.Rowwise(ret, true, func(zones *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if !zoned {
			zones = nil
		}
		var vars []byte
		if len(args) > 2 {
			vars = args[2].Bytes(i)
		}
		c, err := newPathCall(args[0].Bytes(i), args[1].Bytes(i), vars, len(args) > 3 && args[3].B[i], zones)
		if err != nil {
			return err
		}
		return f(c, out)
	})
}

func init() {
	truths := func(f func(c *pathCall) (bool, bool, error)) func(*pathCall, *rows.VecBuilder) error {
		return func(c *pathCall, out *rows.VecBuilder) error {
			v, ok, err := f(c)
			if ok && err == nil {
				out.AppendBool(v)
			}
			return err
		}
	}
	put := func(out *rows.VecBuilder, v *types.JSONValue) { out.CommitScratch(types.AppendJSONB(out.Scratch(), v)) }
	kinds := []struct {
		name, summary, call, result string
		ret                         types.Type
		f                           func(c *pathCall, out *rows.VecBuilder) error
	}{
		{"jsonb_path_exists", "Tells whether a JSON path gives any item of a document.", `'{"a":[1,2,3]}', '$.a[*] ? (@ > 2)'`, "t", boolT, truths((*pathCall).exists)},
		{"jsonb_path_match", "Gives the truth value of a JSON path that is a condition.", `'{"a":[1,2,3]}', 'exists($.a[*] ? (@ > 2))'`, "t", boolT, truths((*pathCall).match)},
		{"jsonb_path_query_array", "Returns the items that a JSON path gives as an array.", `'{"a":[1,2,3]}', '$.a[*] ? (@ > 1)'`, "[2, 3]", jsonbT,
			func(c *pathCall, out *rows.VecBuilder) error {
				list, err := c.query()
				v := types.JSONValue{Kind: types.JSONArray}
				for _, x := range list {
					v.Items = append(v.Items, *x)
				}
				if err == nil {
					put(out, &v)
				}
				return err
			}},
		{"jsonb_path_query_first", "Returns the first item that a JSON path gives.", `'{"a":[1,2,3]}', '$.a[*] ? (@ > 1)'`, "2", jsonbT,
			func(c *pathCall, out *rows.VecBuilder) error {
				list, err := c.query()
				if err == nil && len(list) > 0 {
					put(out, list[0])
				}
				return err
			}},
	}
	all := sig(jsonbT, textT, jsonbT, boolT)
	for _, k := range kinds {
		for n := 2; n <= 4; n++ {
			def(k.name, all[:n], k.ret, pathKernel(k.ret, false, k.f), k.summary, "select "+k.name+"("+k.call+")", k.result)
			registerZoned(k.name+"_tz", all[:n], k.ret, pathKernel(k.ret, true, k.f), k.summary+" Dates and times compare in the session's time zone.",
				"select "+k.name+"_tz("+k.call+")", k.result)
		}
	}
	quiet := func(f func(c *pathCall) (bool, bool, error)) fn.Kernel {
		return pathKernel(boolT, false, truths(func(c *pathCall) (bool, bool, error) { c.silent = true; return f(c) }))
	}
	def("@?", sig(jsonbT, textT), boolT, quiet((*pathCall).exists), "Tells whether a JSON path gives any item; errors of the path give NULL.",
		`select '{"a":[1,2]}'::jsonb @? '$.a[*] ? (@ > 1)'`, "t")
	def("@@", sig(jsonbT, textT), boolT, quiet((*pathCall).match), "Gives the truth value of a JSON path; errors of the path give NULL.",
		`select '{"a":[1,2]}'::jsonb @@ '$.a[*] > 1'`, "t")
	for n := 2; n <= 4; n++ {
		for _, zoned := range []bool{false, true} {
			f := fn.Table{Name: "jsonb_path_query", Args: all[:n], Family: family, Summary: "Returns the items that a JSON path gives as rows."}
			if zoned {
				f.Name, f.Volatility = f.Name+"_tz", fn.Stable
				f.Summary += " Dates and times compare in the session's time zone."
			}
			f.Columns = []types.Field{{Name: f.Name, Type: jsonbT}}
			f.Examples = []fn.Example{{SQL: "select * from " + f.Name + `('{"a":[1,2,3]}', '$.a[*] ? (@ > 1)')`, Result: "2\n3"}}
			f.Rows = func(c *fn.Ctx, args []types.Datum, out *rows.Builder) error {
				if !zoned {
					c = nil
				}
				return pathRows(c, args, out)
			}
			fn.RegisterTable(f)
		}
	}
}

func pathRows(zones *fn.Ctx, args []types.Datum, out *rows.Builder) error {
	for _, a := range args {
		if a.Null {
			return nil
		}
	}
	var vars []byte
	if len(args) > 2 {
		vars = args[2].S
	}
	c, err := newPathCall(args[0].S, args[1].S, vars, len(args) > 3 && args[3].B, zones)
	if err != nil {
		return err
	}
	list, err := c.query()
	if err != nil {
		return err
	}
	for _, v := range list {
		out.Cols[0].AppendBytes(types.AppendJSONB(nil, v))
		out.EndRow(1)
	}
	return nil
}
