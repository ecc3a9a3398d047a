package file

import (
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

// The fingerprint covers the first headBytes of what was read and the last tailBytes.
const (
	headBytes = 1 << 10
	tailBytes = 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// position is "bytes" or "bytes:fingerprint", the fingerprint being the CRC-32C of the file's first
// headBytes and of the tailBytes before the position, as far as they were read. A "+" behind it tells
// that the position is inside a record that is too long.
type position struct {
	at    int64
	print uint32
	known bool // print is set
	skip  bool
}

func (p position) String() string {
	s := strconv.FormatInt(p.at, 10)
	if p.known {
		s += ":" + strconv.FormatUint(uint64(p.print), 16)
	}
	if p.skip {
		s += "+"
	}
	return s
}

func parsePosition(s string) (position, error) {
	var p position
	s, p.skip = strings.CutSuffix(s, "+")
	num, print, has := strings.Cut(s, ":")
	at, err := strconv.ParseInt(num, 10, 64)
	if err == nil && has {
		var v uint64
		v, err = strconv.ParseUint(print, 16, 32)
		p.print, p.known = uint32(v), true
	}
	if err != nil || at < 0 {
		return p, sqlerr.New(sqlerr.DataCorrupted, "%q is not an offset of connector \"file\"", s)
	}
	p.at = at
	return p, nil
}

// fingerprint reads the fingerprint of the bytes before at.
func fingerprint(f *os.File, at int64) (uint32, error) {
	head := make([]byte, min(at, headBytes))
	tail := make([]byte, min(at, tailBytes))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return 0, err
	}
	if _, err := f.ReadAt(tail, at-int64(len(tail))); err != nil && err != io.EOF {
		return 0, err
	}
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, tail), nil
}
