// Package place puts state entries on the virtual nodes on which their rows arrive.
//
// Rows are spread over the workers by the hash of some columns, usually the operator's own key. When
// the planner leaves out an exchange because the rows are spread well enough already (by fewer
// columns, by the same in another order, or all on one worker), the key's own hash names other
// virtual nodes, and a restart would load the entries on the wrong workers. A configuration's field
// dist then tells what the rows are spread by:
//
//	null or absent   the operator's key, all of it, in its order
//	[]               nothing: all rows are on the worker of virtual node 0
//	[…]              these columns, in this order; they must be among the key's
package place

import (
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// Placer replaces the virtual nodes of hashes.
type Placer struct {
	cols []*rows.Vec
	hash []uint64
	buf  rows.KeyBuf
}

// Rows changes hashes, those of the keys of the given rows (nil = all of n), to be on the virtual
// nodes of the columns dist of cols.
func (p *Placer) Rows(hashes []uint64, dist []int, cols []*rows.Vec, sel []int32, n int) {
	if dist == nil {
		return
	}
	if len(dist) == 0 {
		for k := range hashes {
			hashes[k] = state.WithVNode(hashes[k], 0)
		}
		return
	}
	p.cols = p.cols[:0]
	for _, d := range dist {
		p.cols = append(p.cols, cols[d])
	}
	p.hash = rows.HashColumns(p.hash[:0], p.cols, sel, n, &p.buf)
	for k, h := range p.hash {
		hashes[k] = state.WithVNode(hashes[k], rows.VNode(h))
	}
}
