package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Snap is the content of the store at one epoch. It may be used by several goroutines; an old one
// keeps disk space from being reclaimed, so Close it soon.
type Snap struct {
	s     *pebble.Snapshot
	epoch uint64
}

// Snapshot returns the content as of the last committed epoch.
func (s *Store) Snapshot() *Snap {
	snap := &Snap{s: s.db.NewSnapshot()}
	// The record, and not s.epoch: a commit may have become visible in between.
	if v, ok, err := snap.Get(epochKey); err == nil && ok && len(v) == 16 {
		snap.epoch = binary.BigEndian.Uint64(v)
	}
	return snap
}

// Epoch returns the epoch whose content the snapshot shows.
func (n *Snap) Epoch() uint64 { return n.epoch }

// Close releases the snapshot.
func (n *Snap) Close() error { return n.s.Close() }

// Get returns a copy of the value under key.
func (n *Snap) Get(key []byte) (value []byte, found bool, err error) {
	v, closer, err := n.s.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("store get: %w", err)
	}
	value = bytes.Clone(v)
	return value, true, closer.Close()
}

// Scan calls f with the keys in [lower, upper) and their values in key order, or in reverse, until f
// returns false or an error. A nil bound is open. The slices are valid until f returns.
func (n *Snap) Scan(lower, upper []byte, reverse bool, f func(k, v []byte) (bool, error)) (err error) {
	it, err := n.s.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("store scan: %w", err)
	}
	defer func() {
		if cerr := it.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("store scan: %w", cerr)
		}
	}()
	first, next := it.First, it.Next
	if reverse {
		first, next = it.Last, it.Prev
	}
	for ok := first(); ok; ok = next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("store scan: %w", err)
		}
		if more, err := f(it.Key(), v); err != nil || !more {
			return err
		}
	}
	return nil
}

// MultiGet calls f for each of keys, which must be sorted, with its value if there is one. It uses
// one iterator for all and is several times cheaper per key than Get. v is valid until f returns.
func (n *Snap) MultiGet(keys [][]byte, f func(i int, v []byte, found bool) error) (err error) {
	if len(keys) == 0 {
		return nil
	}
	it, err := n.s.NewIter(&pebble.IterOptions{
		LowerBound: keys[0], UpperBound: append(bytes.Clone(keys[len(keys)-1]), 0),
	})
	if err != nil {
		return fmt.Errorf("store multi-get: %w", err)
	}
	defer func() {
		if cerr := it.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("store multi-get: %w", cerr)
		}
	}()
	valid := it.First()
	for i, key := range keys {
		if valid && bytes.Compare(it.Key(), key) < 0 {
			// SeekGE notices by itself when the key is near and steps there.
			valid = it.SeekGE(key)
		}
		if !valid {
			if err := it.Error(); err != nil {
				return err
			}
		}
		if !valid || !bytes.Equal(it.Key(), key) {
			if err := f(i, nil, false); err != nil {
				return err
			}
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("store multi-get: %w", err)
		}
		if err := f(i, v, true); err != nil {
			return err
		}
	}
	return nil
}

// ScanSpans calls f with the keys in each of the spans [lower, upper), which must be sorted and must
// not overlap, until f returns false or an error. It uses one iterator for all of them.
func (n *Snap) ScanSpans(spans [][2][]byte, f func(k, v []byte) (bool, error)) (err error) {
	if len(spans) == 0 {
		return nil
	}
	it, err := n.s.NewIter(&pebble.IterOptions{LowerBound: spans[0][0], UpperBound: spans[len(spans)-1][1]})
	if err != nil {
		return fmt.Errorf("store scan: %w", err)
	}
	defer func() {
		if cerr := it.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("store scan: %w", cerr)
		}
	}()
	for _, span := range spans {
		for ok := it.SeekGE(span[0]); ok && bytes.Compare(it.Key(), span[1]) < 0; ok = it.Next() {
			v, err := it.ValueAndErr()
			if err != nil {
				return fmt.Errorf("store scan: %w", err)
			}
			if more, err := f(it.Key(), v); err != nil || !more {
				return err
			}
		}
	}
	return nil
}
