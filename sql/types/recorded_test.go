package types

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

func testEnv() *Env {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return &Env{Zone: loc}
}

// TestRecordedText checks input and output functions: type | text => text of the value.
func TestRecordedText(t *testing.T) {
	env := testEnv()
	runRecorded(t, "text.txt",
		func(f []string) string { return fmt.Sprintf("select (%s::%s)::text", sqlQuote(f[1]), f[0]) },
		func(f []string) (string, error) {
			typ, err := ByName(f[0], nil, 0)
			if err != nil {
				return "", err
			}
			d, err := ParseText(typ, f[1], env)
			if err != nil {
				return "", err
			}
			if typ.ID == Bool {
				return strconv.FormatBool(d.B), nil
			}
			return TextOf(d, env), nil
		})
}

// TestRecordedNumeric checks arithmetic: operation | operands => result.
func TestRecordedNumeric(t *testing.T) {
	sql := map[string]string{
		"add": "select (%s::numeric + %s::numeric)::text", "sub": "select (%s::numeric - %s::numeric)::text",
		"mul": "select (%s::numeric * %s::numeric)::text", "div": "select (%s::numeric / %s::numeric)::text",
		"mod": "select (%s::numeric %% %s::numeric)::text", "idiv": "select div(%s::numeric, %s::numeric)::text",
		"cmp":   "select (case when a<b then -1 when a=b then 0 else 1 end)::text from (select %s::numeric a, %s::numeric b) s",
		"round": "select round(%s::numeric, %s::int)::text", "trunc": "select trunc(%s::numeric, %s::int)::text",
		"ceil": "select ceil(%s::numeric)::text", "floor": "select floor(%s::numeric)::text",
		"int8": "select (%s::numeric::int8)::text", "float": "select (%s::numeric::float8)::text",
		"fromfloat": "select (%s::float8::numeric)::text", "fromreal": "select (%s::float4::numeric)::text",
		"trim": "select trim_scale(%s::numeric)::text",
		"sqrt": "select sqrt(%s::numeric)::text", "exp": "select exp(%s::numeric)::text", "ln": "select ln(%s::numeric)::text",
		"log10": "select log(%s::numeric)::text", "log": "select log(%s::numeric, %s::numeric)::text",
		"power": "select power(%s::numeric, %s::numeric)::text",
	}
	runRecorded(t, "numeric.txt", func(f []string) string {
		args := make([]any, len(f)-1)
		for i := range args {
			args[i] = sqlQuote(f[i+1])
		}
		if f[0] == "fit" {
			return fmt.Sprintf("select (%s::numeric(%s,%s))::text", args[0], f[2], f[3])
		}
		return fmt.Sprintf(sql[f[0]], args...)
	}, numericCase)
}

func numericCase(f []string) (string, error) {
	text := func(b []byte, err error) (string, error) { return string(NumericAppendText(nil, orZero(b, err))), err }
	if f[0] == "fromfloat" || f[0] == "fromreal" {
		if f[0] == "fromreal" {
			v, _ := ParseFloat(Float4, f[1])
			return text(NumericFromFloat32(nil, v), nil)
		}
		v, _ := ParseFloat(Float8, f[1])
		return text(NumericFromFloat64(nil, v), nil)
	}
	a, err := NumericParse(nil, f[1])
	if err != nil {
		return "", err
	}
	switch f[0] {
	case "round", "trunc":
		n, _ := strconv.Atoi(f[2])
		if f[0] == "round" {
			return text(NumericRound(nil, a, n), nil)
		}
		return text(NumericTrunc(nil, a, n), nil)
	case "fit":
		p, _ := strconv.Atoi(f[2])
		s, _ := strconv.Atoi(f[3])
		return text(NumericFit(nil, a, p, s))
	case "ceil":
		return text(NumericCeil(nil, a, 0), nil)
	case "floor":
		return text(NumericFloor(nil, a, 0), nil)
	case "trim":
		return text(NumericCanonical(nil, a), nil)
	case "int8":
		v, err := NumericToInt64(a)
		return strconv.FormatInt(v, 10), err
	case "float":
		return string(AppendFloatText(nil, NumericToFloat64(a), Float8)), nil
	}
	if one := map[string]func(dst, a []byte) ([]byte, error){
		"sqrt": NumericSqrt, "exp": NumericExp, "ln": NumericLn, "log10": NumericLog10}[f[0]]; one != nil {
		return text(one(nil, a))
	}
	b, err := NumericParse(nil, f[2])
	if err != nil {
		return "", err
	}
	if f[0] == "cmp" {
		return strconv.Itoa(NumericCmp(a, b)), nil
	}
	return text(map[string]func(dst, a, b []byte) ([]byte, error){
		"add": NumericAdd, "sub": NumericSub, "mul": NumericMul, "div": NumericDiv, "mod": NumericMod,
		"idiv": NumericDivTrunc, "log": NumericLog, "power": NumericPower}[f[0]](nil, a, b))
}

func orZero(b []byte, err error) []byte {
	if err != nil {
		return NumericFromInt64(nil, 0)
	}
	return b
}

// TestRecordedInterval checks output styles: style | interval => text.
func TestRecordedInterval(t *testing.T) {
	runRecorded(t, "interval.txt",
		func(f []string) string {
			return fmt.Sprintf("set intervalstyle = '%s'; select %s::interval::text", f[0], sqlQuote(f[1]))
		},
		func(f []string) (string, error) {
			v, err := ParseInterval(f[1], -1, &Env{IntervalStyle: f[0]})
			return string(AppendIntervalText(nil, v, f[0])), err
		})
}
