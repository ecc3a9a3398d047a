package expr

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// runArray builds ARRAY[…]. When the elements are arrays themselves and the result is not an array
// of arrays by type, they become the rows of a matrix, as in Postgres.
func runArray(p *Program, n *node, s int32) *rows.Vec {
	cols := p.evalArgs(n, s)
	nested := len(n.args) > 0 && n.args[0].e.Type.ID == types.Array
	elems := make([]types.Datum, len(cols))
	return p.build(n.e.Type, s, func(dst []byte, i int) ([]byte, error) {
		for k, v := range cols {
			elems[k] = v.Datum(i)
		}
		if nested {
			return appendMatrix(dst, n.args[0].e.Type, elems)
		}
		return types.AppendArray(dst, elems), nil
	})
}

func appendMatrix(dst []byte, t types.Type, parts []types.Datum) ([]byte, error) {
	var dims []types.ArrayDim
	var all []types.Datum
	for k, d := range parts {
		var own []types.ArrayDim
		if !d.Null {
			own = types.ArrayDims(d.S)
			list, err := types.ArrayElems(t, d.S)
			if err != nil {
				return dst, err
			}
			all = append(all, list...)
		}
		if k == 0 {
			dims = append([]types.ArrayDim{{Len: len(parts), Lower: 1}}, own...)
		}
		ok := len(own) == len(dims)-1
		for j := 0; ok && j < len(own); j++ {
			ok = own[j].Len == dims[j+1].Len
		}
		if !ok {
			return dst, sqlerr.New("2202E", "multidimensional arrays must have array expressions with matching dimensions")
		}
	}
	return types.AppendArrayDims(dst, dims, all), nil
}

func runRow(p *Program, n *node, s int32) *rows.Vec {
	cols := p.evalArgs(n, s)
	fields := make([]types.Datum, len(cols))
	return p.build(n.e.Type, s, func(dst []byte, i int) ([]byte, error) {
		for k, v := range cols {
			if fields[k] = v.Datum(i); fields[k].Type.ID == types.Unknown {
				fields[k].Type = types.T(types.Text)
			}
		}
		return types.AppendRecord(dst, fields), nil
	})
}

// runField takes a field out of records; NULL of a record that is NULL.
func runField(p *Program, n *node, s int32) *rows.Vec {
	in := p.eval(n.args[0], s)
	out := rows.NewVecBuilder(n.e.Type, p.n)
	p.each(s, func(row int32) {
		i := int(row)
		for out.Len() < i {
			out.AppendNull()
		}
		if !in.Valid.Get(i) {
			out.AppendNull()
			return
		}
		d, err := types.RecordField(in.Bytes(i), n.e.Index)
		if err != nil {
			p.c.Fail(row, err)
			d.Null = true
		}
		d.Type = n.e.Type
		out.AppendDatum(d)
	})
	for out.Len() < p.n {
		out.AppendNull()
	}
	return out.Finish()
}

func (p *Program) evalArgs(n *node, s int32) []*rows.Vec {
	out := make([]*rows.Vec, len(n.args))
	for i, a := range n.args {
		out[i] = p.eval(a, s)
	}
	return out
}

// build makes a column of byte values that f appends, for the rows of scope s.
func (p *Program) build(t types.Type, s int32, f func(dst []byte, i int) ([]byte, error)) *rows.Vec {
	first := p.c.DataBuf(p.n * 16)
	data, off := first, p.c.Offsets(p.n)
	next := 0
	off[0] = 0
	fill := func(to int) {
		for ; next < to; next++ {
			off[next+1] = int32(len(data))
		}
	}
	p.each(s, func(row int32) {
		i := int(row)
		fill(i)
		grown, err := f(data, i)
		if err == nil {
			err = fn.CheckColumnSize(len(grown))
		}
		if err != nil {
			p.c.Fail(row, err)
		} else {
			data = grown
		}
		off[i+1] = int32(len(data))
		next = i + 1
	})
	fill(p.n)
	p.c.KeepData(first, data)
	return &rows.Vec{Type: t, Off: off, Data: data}
}
