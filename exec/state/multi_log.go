package state

import (
	"encoding/binary"
	"sync"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// A Multi whose rows never go away is stored as a log: a row that is new is appended to a chunk, and
// chunks get keys in the order in which they are written, so that the store neither sorts rows nor
// moves them again. A row that changes later, because it is added once more or its counter is set, is
// also stored as an entry of its own, as in any Multi, and the entry counts.
//
// A chunk's key is, after the fixed part with virtual node logVNode,
//
//	epoch u64 | number of the chunk in the epoch u32 | least and greatest virtual node in it, u8 each
//
// and its value is logFormat and the rows
//
//	vnode u8, uvarint key length, uvarint row length, varint weight, key, row
//
// Workers number their chunks independently; the least virtual node keeps their keys apart.
const (
	logVNode     = VNodes // behind all entries of the table
	logFormat    = 1
	logKeyLen    = HeaderLen + 8 + 4 + 2
	logChunkSize = 64 << 10
)

// multiLog is what a Multi that is stored as a log has still to write.
type multiLog struct {
	on     bool
	stale  bool // the store has a log of a table that no longer keeps one
	chunks []logChunk
	n      int // rows

	// The last chunk that the store has.
	epoch uint64
	next  uint32 // number of the chunk after it
}

type logChunk struct {
	buf      *[]byte // the value, from chunkPool
	min, max uint8   // virtual nodes
}

var chunkPool = sync.Pool{New: func() any { b := make([]byte, 0, logChunkSize); return &b }}

// KeepLog makes the table store new rows as a log, which is much cheaper than entries. Only a table
// from which nothing is ever taken out may be stored so. Call it before the table is used. A table that
// had a log and is used without one turns its rows into entries.
func (m *Multi) KeepLog() { m.log.on = m.durable != nil }

// add appends a row to the last chunk.
func (l *multiLog) add(vnode uint8, key, row []byte, w int64) {
	const headMax = 1 + 3*binary.MaxVarintLen64
	n := len(l.chunks)
	if n == 0 || len(*l.chunks[n-1].buf)+headMax+len(key)+len(row) > logChunkSize {
		buf := chunkPool.Get().(*[]byte)
		*buf = append((*buf)[:0], logFormat)
		l.chunks = append(l.chunks, logChunk{buf, vnode, vnode})
		n++
	}
	c := &l.chunks[n-1]
	c.min, c.max = min(c.min, vnode), max(c.max, vnode)
	b := append(*c.buf, vnode)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = binary.AppendUvarint(b, uint64(len(row)))
	b = binary.AppendVarint(b, w)
	b = append(b, key...)
	*c.buf = append(b, row...)
	l.n++
}

// flush writes the chunks.
func (l *multiLog) flush(d *durable, w *CommitWriter) {
	if l.stale {
		w.DeleteRange(VNodeSpan(d.space, d.id, logVNode))
		l.stale = false
	}
	if len(l.chunks) == 0 {
		return
	}
	if w.epoch > l.epoch {
		l.epoch, l.next = w.epoch, 0
	}
	prefix := AppendPrefix(nil, d.space, d.id, logVNode, PrefixNone)
	var rest [logKeyLen - HeaderLen]byte
	size := 0
	for _, c := range l.chunks {
		binary.BigEndian.PutUint64(rest[:], l.epoch)
		binary.BigEndian.PutUint32(rest[8:], l.next)
		rest[12], rest[13] = c.min, c.max
		w.SetParts(prefix, rest[:], *c.buf)
		size += len(*c.buf)
		l.next++
	}
	w.store.logs.wrote(d.id, size)
	l.discard()
}

// discard forgets what is not written.
func (l *multiLog) discard() {
	for _, c := range l.chunks {
		if cap(*c.buf) < 2*logChunkSize {
			chunkPool.Put(c.buf)
		}
	}
	clear(l.chunks)
	l.chunks, l.n = l.chunks[:0], 0
}

func (l *multiLog) sizeBytes() (n int64) {
	for _, c := range l.chunks {
		n += int64(cap(*c.buf))
	}
	return n
}

// loadLog adds the rows of the log, except those that an entry has replaced.
func (m *Multi) loadLog(snap *Snap, d *durable, vnodes func(uint16) bool) error {
	l := &m.log
	lower, upper := VNodeSpan(d.space, d.id, logVNode)
	if !l.on {
		m.durable = d // the rows become entries
	}
	return snap.Scan(lower, upper, false, func(k, value []byte) (bool, error) {
		if len(k) != logKeyLen || len(value) == 0 || value[0] != logFormat {
			return false, corrupt("state table %d has a malformed chunk %x", d.id, k)
		}
		l.stale = !l.on
		rest := k[HeaderLen:]
		l.epoch, l.next = binary.BigEndian.Uint64(rest), binary.BigEndian.Uint32(rest[8:])+1
		for v := uint16(rest[12]); v <= uint16(rest[13]); v++ {
			if vnodes(v) {
				return true, m.loadChunk(d, k, value[1:], vnodes)
			}
		}
		return true, nil
	})
}

func (m *Multi) loadChunk(d *durable, k, p []byte, vnodes func(uint16) bool) error {
	for len(p) > 0 {
		vnode := uint16(p[0])
		p = p[1:]
		klen, a := binary.Uvarint(p)
		rlen, b := binary.Uvarint(p[max(a, 0):])
		w, c := binary.Varint(p[max(a, 0)+max(b, 0):])
		if a <= 0 || b <= 0 || c <= 0 || w == 0 {
			return corrupt("state table %d has a malformed chunk %x", d.id, k)
		}
		p = p[a+b+c:]
		if klen > uint64(len(p)) || rlen > uint64(len(p))-klen {
			return corrupt("state table %d has a malformed chunk %x", d.id, k)
		}
		key, row := p[:klen], p[klen:klen+rlen]
		p = p[klen+rlen:]
		if !vnodes(vnode) {
			continue
		}
		hash := WithVNode(rows.HashKey(key), vnode)
		if _, replaced := m.Find(hash, key, row); !replaced {
			m.Add(hash, key, row, w)
		}
	}
	return nil
}

// logRetraction is the panic of a caller that takes out of a table what it said would stay.
func logRetraction() error {
	return sqlerr.New(sqlerr.Internal, "retraction from a state table that is stored as a log")
}
