package csv

import "bytes"

// Next implements format.Framer. A quote opens a quoted field only at the field's start; when it is
// never closed the record is its first line, which the decoder will refuse.
func (d *dialect) Next(data []byte, eof bool) (int, []byte) {
	nl := bytes.IndexByte(data, '\n')
	first := nl
	if first < 0 {
		first = len(data)
	}
	end := nl
	if d.quote != 0 && bytes.IndexByte(data[:first], d.quote) >= 0 {
		var open bool
		if end, open = d.lineEnd(data); open && eof {
			end = nl
		}
	}
	if end < 0 {
		if !eof {
			return 0, nil
		}
		return len(data), clean(data)
	}
	return end + 1, clean(data[:end])
}

// clean cuts the CR off a line; nil when nothing is left.
func clean(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 {
		return nil
	}
	return line
}

// lineEnd returns the position of the line break that ends the first record, or -1; open tells that
// the data end inside quotes.
func (d *dialect) lineEnd(data []byte) (end int, open bool) {
	i := 0
	for i < len(data) {
		if data[i] == d.quote {
			if i = d.closing(data, i+1); i < 0 {
				return -1, true
			}
		}
		for i < len(data) && data[i] != d.delimiter {
			if data[i] == '\n' {
				return i, false
			}
			i++
		}
		i++
	}
	return -1, false
}

// closing returns the position after the quote that closes the field whose content starts at i, or -1.
func (d *dialect) closing(data []byte, i int) int {
	for {
		n := bytes.IndexByte(data[i:], d.quote)
		if n < 0 {
			return -1
		}
		i += n + 1
		if i >= len(data) || data[i] != d.quote {
			return i
		}
		i++
	}
}
