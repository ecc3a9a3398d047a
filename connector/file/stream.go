package file

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"tidemill/connector/format"
	"tidemill/sql/sqlerr"
)

const readBytes = 256 << 10

// stream is one open file: the framing of its bytes from the position on.
type stream struct {
	path    string
	f       *os.File
	decoder format.Decoder
	framer  format.Framer

	at       int64    // position of the next record
	reported int64    // the position that was given out last
	limit    int64    // no byte from here on is read
	checked  position // the position given out last, with its fingerprint
	buf      []byte   // bytes from at on
	eof      bool     // the last read found no more
	tried    int      // len(buf) when the framer last asked for more
	skip     bool     // inside a record that is too long: pass bytes up to the next line
}

// openFile opens a regular file and nothing else: opening a FIFO would wait for a writer.
func openFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	if info, err = f.Stat(); err == nil {
		err = regular(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func regular(path string, info os.FileInfo) error {
	mode := info.Mode()
	kind := ""
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return sqlerr.New(sqlerr.WrongObjectType, "%q is a directory", path).
			WithHint("Write a pattern such as '%s/*.json' to read the files in it.", path)
	case mode&os.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&os.ModeSocket != 0:
		kind = "a socket"
	case mode&os.ModeDevice != 0:
		kind = "a device"
	default:
		kind = "not a regular file"
	}
	return sqlerr.New(sqlerr.WrongObjectType, "%q is %s, which cannot be read again from a position", path, kind)
}

func fileError(path string, err error) error {
	if os.IsNotExist(err) {
		return sqlerr.New(sqlerr.UndefinedFile, "file %q does not exist", path)
	}
	if os.IsPermission(err) {
		return sqlerr.New(sqlerr.InsufficientPrivilege, "file %q may not be read by the server", path)
	}
	return sqlerr.New(sqlerr.IOError, "reading file %q: %v", path, err)
}

// start brings the stream to a position: it checks that the bytes before it are still the same and
// reads the header.
func (s *stream) start(p position) error {
	if p.at > 0 {
		info, err := s.f.Stat()
		if err != nil {
			return fileError(s.path, err)
		}
		if info.Size() < p.at {
			return truncated(s.path, info.Size(), p.at)
		}
		s.checked = p
		if err := s.verify(); err != nil {
			return err
		}
	}
	s.at, s.skip, s.reported = p.at, p.skip, p.at
	return nil
}

// verify checks that the bytes before the last position given out are still those that were read.
func (s *stream) verify() error {
	if !s.checked.known {
		return nil
	}
	got, err := fingerprint(s.f, s.checked.at)
	if err != nil {
		return fileError(s.path, err)
	}
	if got != s.checked.print {
		return replaced(s.path, s.checked.at)
	}
	return nil
}

func truncated(path string, size, at int64) error {
	return sqlerr.New(sqlerr.DataCorrupted, "file %q was truncated: it has %d bytes, and %d were read before", path, size, at).
		WithHint("A file source reads files that only grow. Drop the source and create it again to read the new content.")
}

func replaced(path string, at int64) error {
	return sqlerr.New(sqlerr.DataCorrupted, "file %q was replaced: its first %d bytes are not those that were read before", path, at).
		WithHint("A file source reads files that only grow. Drop the source and create it again to read the new content.")
}

// header gives the decoder the header line, wherever the stream starts. It says false while a
// growing file does not have all of it.
func (s *stream) header(once bool) (bool, error) {
	h, ok := s.decoder.(format.HeaderDecoder)
	if !ok || !h.NeedsHeader() {
		return true, nil
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := s.f.ReadAt(buf, 0)
		if err != nil && err != io.EOF {
			return false, fileError(s.path, err)
		}
		advance, rec := s.framer.Next(trimBOM(buf[:n]), once && n < len(buf))
		if advance > 0 {
			advance += n - len(trimBOM(buf[:n]))
			if rec == nil {
				return false, sqlerr.New(sqlerr.InvalidTextRepresentation, "file %q begins with an empty line instead of a CSV header", s.path)
			}
			s.at = max(s.at, int64(advance))
			if err := h.Header(rec); err != nil {
				e := *sqlerr.As(err)
				e.Message = fmt.Sprintf("file %q: %s", s.path, e.Message)
				return false, &e
			}
			return true, nil
		}
		if n < len(buf) {
			return once, nil // an empty file, or a header still being written
		}
		if len(buf) > format.MaxRecordBytes {
			return false, sqlerr.New(sqlerr.ProgramLimitExceeded, "the header of file %q is longer than 8 MiB", s.path)
		}
		buf = make([]byte, 2*len(buf))
	}
}

var bom = []byte("\ufeff")

func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, bom) }

// fill reads more bytes behind those that are waiting. It tells whether any came.
func (s *stream) fill() (bool, error) {
	pos := s.at + int64(len(s.buf))
	old := len(s.buf)
	want := int(min(int64(max(readBytes, old)), s.limit-pos)) // doubling frames a long record few times
	if want <= 0 {
		s.eof = true
		return false, nil
	}
	if cap(s.buf)-old < want {
		grown := make([]byte, old, old+want)
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := s.f.ReadAt(s.buf[old:old+want], pos)
	s.buf = s.buf[:old+n]
	if err != nil && err != io.EOF {
		return false, fileError(s.path, err)
	}
	if s.eof && n > 0 { // it has grown; is what was read still there?
		if err := s.verify(); err != nil {
			return false, err
		}
	}
	s.eof = n == 0
	if pos == 0 && bytes.HasPrefix(s.buf, bom) {
		s.consume(len(bom))
	}
	return n > 0, nil
}

// check finds out whether the file is still the one that was opened, and no shorter than what was
// read of it.
func (s *stream) check() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return fileError(s.path, err)
	}
	open, err := s.f.Stat()
	if err != nil {
		return fileError(s.path, err)
	}
	if read := s.at + int64(len(s.buf)); open.Size() < read {
		return truncated(s.path, open.Size(), read)
	}
	if !os.SameFile(now, open) {
		return replaced(s.path, s.at)
	}
	return nil
}

func (s *stream) consume(n int) {
	s.at += int64(n)
	s.buf = s.buf[n:]
	s.tried = 0
}

// next returns the next record and its position. No record (ok is false) means that more bytes are
// needed. With last, the bytes up to the end are a record.
func (s *stream) next(last bool) (rec []byte, at int64, tooLong, ok bool) {
	for len(s.buf) > 0 {
		if s.skip {
			i := bytes.IndexByte(s.buf, '\n')
			if i < 0 {
				s.consume(len(s.buf))
				return nil, 0, false, false
			}
			s.consume(i + 1)
			s.skip = false
			continue
		}
		if s.tried == len(s.buf) && !last {
			return nil, 0, false, false
		}
		at = s.at
		n, rec := s.framer.Next(s.buf, last)
		if n == 0 {
			s.tried = len(s.buf)
			if len(s.buf) <= format.MaxRecordBytes {
				return nil, 0, false, false
			}
			return s.cut(), at, true, true
		}
		s.consume(n)
		if rec != nil {
			return rec, at, false, true
		}
	}
	return nil, 0, false, false
}

// cut passes a record that has no end within the longest record: its first line, which may be a
// quote never closed, or what there is of a line that goes on.
func (s *stream) cut() []byte {
	rec := s.buf[:format.MaxRecordBytes]
	if i := bytes.IndexByte(s.buf, '\n'); i >= 0 {
		rec = s.buf[:i]
		s.consume(i + 1)
	} else {
		s.consume(len(s.buf))
		s.skip = true
	}
	return rec
}

func (s *stream) position() position {
	p := position{at: s.at, skip: s.skip}
	if p.at > 0 {
		print, err := fingerprint(s.f, p.at)
		p.print, p.known = print, err == nil
	}
	s.checked = p
	return p
}

func (s *stream) close() {
	if s.f != nil {
		s.f.Close()
		s.f = nil
	}
}
