package state

import "bytes"

// Ascend calls f with the entries whose keys are in [lower, upper), in order, until f returns false.
// A nil bound is open. The slices are views; f must not change the table.
func (o *Ordered) Ascend(lower, upper []byte, f func(key, value []byte) bool) {
	if o.root == 0 {
		return
	}
	_, p := o.leafOf(lower, nil)
	i, _ := o.search(p, lower)
	for {
		for n := p.count(); i < n; i++ {
			o.visited++
			e := p.entry(i)
			key := o.entryKey(e)
			if upper != nil && bytes.Compare(key, upper) >= 0 {
				return
			}
			if !f(key, o.entryValue(e)) {
				return
			}
		}
		if p.next() == 0 {
			return
		}
		p, i = o.page(p.next()), 0
	}
}

// Descend calls f with the entries whose keys are in [lower, upper), in reverse order, until f
// returns false. A nil bound is open. The slices are views; f must not change the table.
func (o *Ordered) Descend(lower, upper []byte, f func(key, value []byte) bool) {
	if o.root == 0 {
		return
	}
	var p page
	var i int
	if upper != nil {
		_, p = o.leafOf(upper, nil)
		i, _ = o.search(p, upper)
	} else {
		id := o.root
		for p = o.page(id); !p.leaf(); p = o.page(id) {
			id = p.child(p.count() - 1)
		}
		i = p.count()
	}
	for {
		for i--; i >= 0; i-- {
			o.visited++
			e := p.entry(i)
			key := o.entryKey(e)
			if bytes.Compare(key, lower) < 0 || !f(key, o.entryValue(e)) {
				return
			}
		}
		if p.prev() == 0 {
			return
		}
		p = o.page(p.prev())
		i = p.count()
	}
}

// DeleteRange removes the entries whose keys are in [lower, upper) and returns how many there were.
// A nil bound is open.
func (o *Ordered) DeleteRange(lower, upper []byte) int {
	removed := 0
	for o.root != 0 {
		var at path
		id, p := o.leafOf(lower, &at)
		i, _ := o.search(p, lower)
		if i == p.count() {
			next := p.next()
			if next == 0 {
				break
			}
			// All of this leaf is below; go to the next one by its first key.
			key := o.keyAt(o.page(next), 0)
			id, p = o.leafOf(key, &at)
			i = 0
		}
		if upper != nil && bytes.Compare(o.keyAt(p, i), upper) >= 0 {
			break
		}
		o.deleteAt(&at, id, i)
		removed++
	}
	return removed
}

// deleteAt removes entry i of a leaf.
func (o *Ordered) deleteAt(at *path, id uint32, i int) {
	p := o.page(id)
	e := p.entry(i)
	if o.durable != nil && e[5]&pgStored != 0 {
		o.bury(e)
	}
	if o.counted {
		o.addAbove(at, -WeightOf(o.entryValue(e)))
	}
	o.dropEntry(p, i)
	o.n--
	if p.count() > 0 {
		if p.used() < pageSize/4 && at.n > 0 {
			o.merge(at, id)
		}
		return
	}
	if next := p.next(); next != 0 {
		o.page(next).setPrev(p.prev())
	}
	if prev := p.prev(); prev != 0 {
		o.page(prev).setNext(p.next())
	}
	o.dropFromParent(at, id)
}

// dropFromParent frees a page that is empty and takes it out of the page above.
func (o *Ordered) dropFromParent(at *path, id uint32) {
	o.dropPage(id)
	if at.n == 0 {
		o.root, o.depth = 0, 0
		return
	}
	at.n--
	up := at.steps[at.n]
	p := o.page(up.page)
	o.dropEntry(p, up.i)
	if p.count() == 0 {
		o.dropFromParent(at, up.page)
		return
	}
	if up.i == 0 {
		o.emptyFirstKey(p)
	}
	o.lowerRoot()
}

// merge joins a sparse leaf with its right neighbour under the same parent when both fit well into
// one page.
func (o *Ordered) merge(at *path, id uint32) {
	up := at.steps[at.n-1]
	parent := o.page(up.page)
	if up.i+1 >= parent.count() {
		return
	}
	right := parent.child(up.i + 1)
	p, q := o.page(id), o.page(right)
	if p.used()+q.used() > pageSize*3/4 {
		return
	}
	dirty := p[7] | q[7]
	q.moveTo(p, 0)
	p[7] = 0
	if dirty != 0 {
		o.dirtyPage(id, p)
	}
	next := q.next()
	p.setNext(next)
	if next != 0 {
		o.page(next).setPrev(id)
	}
	o.dropPage(right)
	o.dropEntry(parent, up.i+1)
	o.recount(parent, up.i, id)
	o.lowerRoot()
}

// lowerRoot removes inner roots that have only one child.
func (o *Ordered) lowerRoot() {
	for {
		p := o.page(o.root)
		if p.leaf() || p.count() != 1 {
			return
		}
		id := o.root
		o.root = p.child(0)
		o.dropEntry(p, 0)
		o.dropPage(id)
		o.depth--
	}
}

// Flush writes the entries that have changed since the last Flush.
func (o *Ordered) Flush(w *CommitWriter) error {
	if o.durable == nil || len(o.dirty) == 0 && o.ngone == 0 {
		return nil
	}
	set := o.durable.set
	set.Reset()
	for b := o.gone; len(b) > 0; {
		n := int(get32(b, 1))
		set.Add(uint16(b[0]), deleted, b[5:5+n])
		b = b[5+n:]
	}
	for _, id := range o.dirty {
		p := o.page(id)
		if p[7] == 0 {
			continue // freed, or listed twice
		}
		p[7] = 0
		for i := range p.count() {
			e := p.entry(i)
			if e[5]&pgDirty == 0 {
				continue
			}
			e[5] = e[5]&^pgDirty | pgStored
			set.Add(uint16(e[4]), uint64(id)<<16|uint64(i), o.entryKey(e))
		}
	}
	o.durable.write(w, func(ref uint64) []byte {
		return o.entryValue(o.page(uint32(ref >> 16)).entry(int(ref & 0xFFFF)))
	})
	o.dirty = trim(o.dirty)
	o.gone, o.ngone = o.gone[:0], 0
	if cap(o.gone) > 1<<20 {
		o.gone = nil
	}
	if o.n == 0 {
		o.Reset()
	}
	return w.err
}

// Load replaces the content by the stored entries of the virtual nodes that vnodes accepts.
func (o *Ordered) Load(snap *Snap, vnodes func(uint16) bool) error {
	o.Reset()
	d := o.durable
	if d == nil {
		return nil
	}
	o.durable = nil // what is loaded is not dirty
	defer func() { o.durable = d }()
	return d.load(snap, vnodes, func(vnode uint16, key, value []byte) error {
		var at path
		id, p := o.first(key, &at)
		i, found := o.search(p, key)
		if found {
			return corrupt("state table %d has the key %x under two virtual nodes", d.id, key)
		}
		if o.counted {
			o.addAbove(&at, WeightOf(value))
		}
		o.insert(&at, id, i, o.makeEntry(vnode, pgStored, key, value, nil))
		o.n++
		return nil
	})
}
