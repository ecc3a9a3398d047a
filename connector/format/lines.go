package format

import (
	"bytes"
	"time"
)

// Lines is the Framer of formats with a record per line: LF or CRLF ends a line, empty lines are
// nothing.
type Lines struct{}

// Next implements Framer.
func (Lines) Next(data []byte, eof bool) (int, []byte) {
	advance, line := len(data), data
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		advance, line = i+1, data[:i]
	} else if !eof {
		return 0, nil
	}
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(bytes.TrimSpace(line)) == 0 {
		return advance, nil
	}
	return advance, line
}

// now is when a bad record was seen.
func now() time.Time { return time.Now().UTC() }
