package types

import (
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
)

func floatBits(f float64) uint64     { return math.Float64bits(f) }
func floatFromBits(u uint64) float64 { return math.Float64frombits(u) }

// AppendText appends the text form of d, Postgres's output function. A NULL appends nothing; env may
// be nil.
func AppendText(dst []byte, d Datum, env *Env) []byte {
	if d.Null {
		return dst
	}
	switch d.Type.ID {
	case Bool:
		if d.B {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case Int2, Int4, Int8, OID, Xid:
		return strconv.AppendInt(dst, d.I, 10)
	case Regclass, Regtype, Regproc, Regnamespace, Regrole:
		return appendReg(dst, d, env)
	case Float4, Float8:
		return AppendFloatText(dst, d.F, d.Type.ID)
	case Numeric:
		return NumericAppendText(dst, d.S)
	case Date:
		return appendStyledDate(dst, d.I, env)
	case Time:
		return AppendTimeText(dst, d.I)
	case Timestamp:
		return appendStyledTime(dst, d.I, false, env)
	case Timestamptz:
		return appendStyledTime(dst, d.I, true, env)
	case Interval:
		style := ""
		if env != nil {
			style = env.IntervalStyle
		}
		return AppendIntervalText(dst, IntervalOf(d.S), style)
	case UUID:
		return AppendUUIDText(dst, d.S)
	case Bytea:
		if env != nil && env.ByteaOutput == "escape" {
			return appendByteaEscape(dst, d.S)
		}
		return hex.AppendEncode(append(dst, '\\', 'x'), d.S)
	case Array:
		return appendArrayText(dst, d, env)
	case Record:
		return appendRecordText(dst, d.S, env)
	case Enum:
		return appendEnum(dst, d)
	case Int2Vector, OIDVector:
		elems, _ := ArrayElems(vectorElem(d.Type), d.S)
		for i, e := range elems {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = strconv.AppendInt(dst, e.I, 10)
		}
		return dst
	case InternalChar:
		if len(d.S) == 1 && d.S[0] >= 128 {
			return append(dst, '\\', '0'+d.S[0]>>6, '0'+d.S[0]>>3&7, '0'+d.S[0]&7)
		}
	}
	return append(dst, d.S...)
}

// AppendFloatText appends a real or double precision in its shortest round-trip form.
func AppendFloatText(dst []byte, f float64, id ID) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	bits, least, limit := 64, 1e-4, 1e15
	if id == Float4 {
		bits, least, limit = 32, float64(float32(1e-4)), 1e6
	}
	a := math.Abs(f)
	if a == 0 || a >= least && a < limit {
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	if bits == 64 && a >= 1<<53 && a < 1e40 && math.Float64bits(f)&1 == 0 {
		return appendFloatInside(dst, f)
	}
	return strconv.AppendFloat(dst, f, 'e', -1, bits)
}

// appendFloatInside appends the shortest digits that lie strictly between the midpoints to the
// neighbours of f. Go's shortest form may be the midpoint itself, which rounds to f because f is
// even (1e23); Postgres does not use that.
func appendFloatInside(dst []byte, f float64) []byte {
	short := strconv.FormatFloat(f, 'e', -1, 64)
	mid := new(big.Float).SetFloat64(math.Nextafter(f, math.Inf(int(math.Copysign(1, f)))))
	low := new(big.Float).SetFloat64(math.Nextafter(f, 0))
	exact := new(big.Float).SetPrec(200).SetFloat64(f)
	v, _, _ := big.ParseFloat(short, 10, 200, big.ToNearestEven)
	for _, near := range []*big.Float{mid, low} {
		m := new(big.Float).SetPrec(200).Add(near, exact)
		if m.Quo(m, big.NewFloat(2)).Cmp(v) == 0 {
			return strconv.AppendFloat(dst, f, 'e', 15, 64)
		}
	}
	return append(dst, short...)
}

func appendByteaEscape(dst, b []byte) []byte {
	for _, c := range b {
		switch {
		case c == '\\':
			dst = append(dst, '\\', '\\')
		case c < 0x20 || c > 0x7e:
			dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func appendReg(dst []byte, d Datum, env *Env) []byte {
	if d.I == 0 {
		return append(dst, '-')
	}
	if d.Type.ID == Regtype {
		if t, ok := FromOID(uint32(d.I), -1); ok {
			return append(dst, t.String()...)
		}
	}
	if env != nil && env.Lookup != nil {
		if name := env.Lookup.NameByOID(d.Type.ID, d.I); name != "" {
			return append(dst, name...)
		}
	}
	return strconv.AppendInt(dst, d.I, 10)
}

// TextOf returns the text form of d as a string.
func TextOf(d Datum, env *Env) string { return string(AppendText(nil, d, env)) }

// QuoteIdent returns name quoted when it has to be: not all lower-case letters, digits and _, or a
// reserved word.
func QuoteIdent(name string) string {
	plain := name != "" && !reservedWords[name]
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && isDigit(c)) {
			plain = false
		}
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// reservedWords are the key words that quote_ident quotes: all but the unreserved ones.
var reservedWords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`all analyse analyze and any array as asc asymmetric authorization between
		bigint binary bit boolean both case cast char character check coalesce collate collation column
		concurrently constraint create cross current_catalog current_date current_role current_schema
		current_time current_timestamp current_user dec decimal default deferrable desc distinct do else
		end except exists extract false fetch float for foreign freeze from full grant greatest group
		grouping having ilike in initially inner inout int integer intersect interval into is isnull join
		lateral leading least left like limit localtime localtimestamp national natural nchar none
		normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
		placing position precision primary real references returning right row select session_user setof
		similar smallint some substring symmetric table tablesample then time timestamp to trailing treat
		trim true union unique user using values varchar variadic verbose when where window with
		xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot
		xmlserialize xmltable`) {
		m[w] = true
	}
	return m
}()
