package kafka

import (
	"encoding/base64"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

// position is where to read on in a partition. As text: offset, then "@" and the leader epoch of the
// record before it, then "#" and the topic's ID; the last two only where they are known.
type position struct {
	offset int64
	epoch  int32 // -1 = unknown
	id     [16]byte
}

func (p position) String() string {
	b := strconv.AppendInt(make([]byte, 0, 48), p.offset, 10)
	if p.epoch >= 0 {
		b = append(b, '@')
		b = strconv.AppendInt(b, int64(p.epoch), 10)
	}
	if p.id != ([16]byte{}) {
		b = append(b, '#')
		b = base64.RawURLEncoding.AppendEncode(b, p.id[:])
	}
	return string(b)
}

func parsePosition(s string) (position, error) {
	p := position{epoch: -1}
	text, id, hasID := strings.Cut(s, "#")
	num, epoch, hasEpoch := strings.Cut(text, "@")
	var err error
	p.offset, err = strconv.ParseInt(num, 10, 64)
	if err == nil && hasEpoch {
		var e int64
		e, err = strconv.ParseInt(epoch, 10, 32)
		p.epoch = int32(e)
	}
	if err == nil && hasID {
		var raw []byte
		raw, err = base64.RawURLEncoding.DecodeString(id)
		copy(p.id[:], raw)
	}
	if err != nil || p.offset < 0 {
		return p, sqlerr.New(sqlerr.DataCorrupted, "%q is not an offset of connector \"kafka\"", s)
	}
	return p, nil
}

// parseOffset reads an Offset: partition number → position.
func parseOffset(o map[string]string) (map[int32]position, error) {
	if o == nil {
		return nil, nil
	}
	out := make(map[int32]position, len(o))
	for k, v := range o {
		n, err := strconv.ParseInt(k, 10, 32)
		if err != nil || n < 0 {
			return nil, sqlerr.New(sqlerr.DataCorrupted, "%q is not a partition of connector \"kafka\"", k)
		}
		p, err := parsePosition(v)
		if err != nil {
			return nil, err
		}
		out[int32(n)] = p
	}
	return out, nil
}
