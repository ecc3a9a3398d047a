package expr

import (
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// merge puts a column together from rows of several others. Fixed-width values are copied as the
// arms come; byte values are appended in row order at the end, when all arms are known.
type merge struct {
	p    *Program
	out  *rows.Vec
	phys types.Phys
	arms []*rows.Vec
	pick []int32 // per row the arm's number + 1; Bytes class only
}

func (p *Program) newMerge(t types.Type) *merge {
	m := &merge{p: p, out: &rows.Vec{Type: t}, phys: t.Phys()}
	switch m.phys {
	case types.PhysBool:
		m.out.B = p.c.Bools(p.n)
	case types.PhysInt:
		m.out.I = p.c.Ints(p.n)
	case types.PhysFloat:
		m.out.F = p.c.Floats(p.n)
	default:
		m.pick = p.c.Offsets(p.n)[:p.n]
		clear(m.pick)
	}
	return m
}

// take makes v the source of the given rows.
func (m *merge) take(v *rows.Vec, sel []int32) {
	if v.Valid != nil {
		for _, i := range sel {
			if !v.Valid.Get(int(i)) {
				if m.out.Valid == nil {
					m.out.Valid = m.p.c.Valid(m.p.n)
				}
				m.out.Valid.Clear(int(i))
			}
		}
	}
	switch m.phys {
	case types.PhysBool:
		for _, i := range sel {
			m.out.B[i] = v.B[i]
		}
	case types.PhysInt:
		for _, i := range sel {
			m.out.I[i] = v.I[i]
		}
	case types.PhysFloat:
		for _, i := range sel {
			m.out.F[i] = v.F[i]
		}
	default:
		m.arms = append(m.arms, v)
		for _, i := range sel {
			m.pick[i] = int32(len(m.arms))
		}
	}
}

func (m *merge) finish() *rows.Vec {
	if m.phys != types.PhysBytes {
		return m.out
	}
	first := m.p.c.DataBuf(m.p.n * 8)
	data, off := first, m.p.c.Offsets(m.p.n)
	off[0] = 0
	for i, a := range m.pick {
		if a > 0 && m.out.Valid.Get(i) {
			v := m.arms[a-1]
			data = append(data, v.Data[v.Off[i]:v.Off[i+1]]...)
		}
		off[i+1] = int32(len(data))
	}
	m.p.c.KeepData(first, data)
	m.out.Data, m.out.Off = data, off
	return m.out
}
