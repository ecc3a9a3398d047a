// Package versions reads a table of weighted rows as it was before an epoch and as it is after it, both
// at once and in the order of keys, while the epoch's change is still apart from the table.
package versions

import (
	"bytes"
	"sort"

	"tidemill/exec/op/touch"
	"tidemill/exec/state"
)

// Reader reads a table and its change. Weights below zero, which only a change that is not complete yet
// can make, count as zero.
type Reader struct {
	Table *state.Ordered // key → weight
	// Touched has the changed keys, Weights their weights by number.
	Touched touch.Set
	Weights []int64
	// Delta are the numbers of the changes to be seen, in the order of their keys.
	Delta []int32
}

// Key returns the key of the j-th change.
func (v *Reader) Key(j int) []byte { return v.Touched.Key(int(v.Delta[j])) }

// First returns the number of the first change whose key is not less than key.
func (v *Reader) First(key []byte) int {
	return sort.Search(len(v.Delta), func(i int) bool { return bytes.Compare(v.Key(i), key) >= 0 })
}

// Ascend calls f with the rows in [lower, upper) as they are before and after the change, in order,
// until f returns false. A nil upper bound is open. Keys are views.
func (v *Reader) Ascend(lower, upper []byte, f func(key []byte, was, is int64) bool) {
	j := v.First(lower)
	stopped := false
	give := func(key []byte, was, is int64) bool {
		if was, is = max(was, 0), max(is, 0); was == 0 && is == 0 {
			return true
		}
		stopped = !f(key, was, is)
		return !stopped
	}
	v.Table.Ascend(lower, upper, func(key, value []byte) bool {
		c := 1
		for ; j < len(v.Delta); j++ {
			if c = bytes.Compare(v.Key(j), key); c >= 0 {
				break
			}
			if !give(v.Key(j), 0, v.Weights[v.Delta[j]]) {
				return false
			}
		}
		was := state.WeightOf(value)
		is := was
		if c == 0 && j < len(v.Delta) {
			is += v.Weights[v.Delta[j]]
			j++
		}
		return give(key, was, is)
	})
	for ; !stopped && j < len(v.Delta) && before(v.Key(j), upper); j++ {
		if !give(v.Key(j), 0, v.Weights[v.Delta[j]]) {
			return
		}
	}
}

// Descend is Ascend backwards.
func (v *Reader) Descend(lower, upper []byte, f func(key []byte, was, is int64) bool) {
	j := len(v.Delta) - 1
	if upper != nil {
		j = v.First(upper) - 1
	}
	stopped := false
	give := func(key []byte, was, is int64) bool {
		if was, is = max(was, 0), max(is, 0); was == 0 && is == 0 {
			return true
		}
		stopped = !f(key, was, is)
		return !stopped
	}
	v.Table.Descend(lower, upper, func(key, value []byte) bool {
		c := 1
		for ; j >= 0; j-- {
			if c = bytes.Compare(v.Key(j), key); c <= 0 {
				break
			}
			if !give(v.Key(j), 0, v.Weights[v.Delta[j]]) {
				return false
			}
		}
		was := state.WeightOf(value)
		is := was
		if c == 0 && j >= 0 {
			is += v.Weights[v.Delta[j]]
			j--
		}
		return give(key, was, is)
	})
	for ; !stopped && j >= 0 && bytes.Compare(v.Key(j), lower) >= 0; j-- {
		if !give(v.Key(j), 0, v.Weights[v.Delta[j]]) {
			return
		}
	}
}

// before tells whether key is less than a bound, of which nil is open.
func before(key, bound []byte) bool { return bound == nil || bytes.Compare(key, bound) < 0 }
