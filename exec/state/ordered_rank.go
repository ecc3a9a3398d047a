package state

import "encoding/binary"

// Counted makes the table keep sums of weights in its inner pages, so that Rank and At need a walk from
// the root only. All its entries must then come from AddWeight. It is called before the table is used;
// the sums live in memory only and do not change what is stored.
func (o *Ordered) Counted() *Ordered {
	if o.n > 0 {
		panic("state: Counted of a table in use")
	}
	o.counted = true
	return o
}

// Rank returns the sum of the weights of all entries before key. Counted tables only.
func (o *Ordered) Rank(key []byte) int64 {
	o.visited++
	if o.root == 0 {
		return 0
	}
	sum := int64(0)
	p := o.page(o.root)
	for !p.leaf() {
		i := o.descend(p, key)
		for k := range i {
			sum += weightBelow(p, k)
		}
		p = o.page(p.child(i))
	}
	i, _ := o.search(p, key)
	for k := range i {
		sum += WeightOf(o.entryValue(p.entry(k)))
	}
	return sum
}

// At returns the entry in which the running sum of weights passes place, which counts from 0; ok is
// false beyond the end. Its weights must not be negative. Counted tables only.
func (o *Ordered) At(place int64) (key, value []byte, ok bool) {
	o.visited++
	if o.root == 0 || place < 0 {
		return nil, nil, false
	}
	p := o.page(o.root)
	for !p.leaf() {
		i, n := 0, p.count()
		for ; i < n; i++ {
			w := weightBelow(p, i)
			if place < w {
				break
			}
			place -= w
		}
		if i == n {
			return nil, nil, false
		}
		p = o.page(p.child(i))
	}
	for i := range p.count() {
		e := p.entry(i)
		v := o.entryValue(e)
		if place -= WeightOf(v); place < 0 {
			return o.entryKey(e), v, true
		}
	}
	return nil, nil, false
}

// innerValue returns an inner page's entry behind its key.
func innerValue(e []byte) []byte {
	return e[entHeader+int(binary.LittleEndian.Uint16(e)) : entryLen(e)]
}

// weightBelow is the sum of weights in entry i of an inner page.
func weightBelow(p page, i int) int64 { return get64(innerValue(p.entry(i)), 0) }

// childRef is the value of an inner entry for a child page.
func (o *Ordered) childRef(id uint32) []byte {
	var buf []byte
	if o.counted {
		buf = binary.LittleEndian.AppendUint64(buf, uint64(o.weightOf(id)))
	}
	return binary.LittleEndian.AppendUint32(buf, id)
}

// weightOf adds up the weights in a page.
func (o *Ordered) weightOf(id uint32) int64 {
	p, sum := o.page(id), int64(0)
	for i := range p.count() {
		if p.leaf() {
			sum += WeightOf(o.entryValue(p.entry(i)))
		} else {
			sum += weightBelow(p, i)
		}
	}
	return sum
}

// recount sets the sum in entry i of an inner page from its child.
func (o *Ordered) recount(p page, i int, child uint32) {
	if o.counted {
		put64(innerValue(p.entry(i)), 0, o.weightOf(child))
	}
}

// addAbove adds w to the sums on the way to a leaf.
func (o *Ordered) addAbove(at *path, w int64) {
	if !o.counted {
		return
	}
	for _, s := range at.steps[:at.n] {
		v := innerValue(o.page(s.page).entry(s.i))
		put64(v, 0, get64(v, 0)+w)
	}
}
