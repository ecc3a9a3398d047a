// Package text registers the functions and operators on character strings and bytea: length and
// case, cutting and padding, searching, patterns (LIKE, SIMILAR TO, regular expressions), quoting,
// hashing and format().
//
// Positions and lengths count characters, not bytes; every function takes the path without decoding
// when a value is plain ASCII. char(n) arguments arrive as text without their padding, because that
// is what their implicit cast gives.
package text

import (
	"unicode/utf8"
	"unsafe"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	familyString  = "String"
	familyPattern = "Pattern matching"
	familyBinary  = "Binary string"
)

var (
	textT   = types.T(types.Text)
	byteaT  = types.T(types.Bytea)
	int4T   = types.T(types.Int4)
	int8T   = types.T(types.Int8)
	boolT   = types.T(types.Bool)
	textsT  = types.ArrayOf(textT)
	bpcharT = types.T(types.Bpchar)
)

func sig(ts ...types.Type) []types.Type { return ts }

// def registers a strict, immutable function; examples are pairs of SQL and result.
func def(family, name string, args []types.Type, ret types.Type, k fn.Kernel, summary string, examples ...string) {
	s := fn.Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: k, Family: family, Summary: summary}
	for i := 0; i+1 < len(examples); i += 2 {
		s.Examples = append(s.Examples, fn.Example{SQL: examples[i], Result: examples[i+1]})
	}
	fn.RegisterScalar(s)
}

// view returns b as a string without copying; the callee must not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cut returns the byte offset of character n (0-based), or len(b) when b is shorter.
func cut(b []byte, n int) int {
	if n <= 0 {
		return 0
	}
	if n >= len(b) {
		return len(b)
	}
	i := 0
	for ; n > 0 && i < len(b); n-- {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return i
}

// appending makes a kernel that appends its result for rows without NULLs.
func appending(ret types.Type, f func(dst []byte, args []*rows.Vec, i int) ([]byte, error)) fn.Kernel {
	return fn.Rowwise(ret, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		b, err := f(out.Scratch(), args, i)
		if err == nil {
			out.CommitScratch(b)
		}
		return err
	})
}

// resultMax bounds what one call may build: Postgres's limit of one gigabyte is too much for a batch.
const resultMax = 64 << 20

func tooLong() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "requested length too large")
}
