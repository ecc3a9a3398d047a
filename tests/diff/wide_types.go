package diff

import (
	"slices"
	"strings"
)

// class is a type of the wide generator: how it is declared and cast to, values of it, and what may
// be done with it.
type class struct {
	name     string // in templates
	declared []string
	cast     string
	values   []string // usual ones; few, so that they meet
	extremes []string
	unsorted bool // no comparison
	noMin    bool // min and max do not take it
}

var classes = []class{
	{name: "int4", declared: []string{"int"}, cast: "int", values: []string{"0", "1", "2", "3", "-1", "7"}, extremes: []string{"2147483647", "-2147483648"}},
	{name: "int8", declared: []string{"bigint"}, cast: "bigint", values: []string{"0", "1", "2", "-1", "5000000000"}, extremes: []string{"9223372036854775807", "-9223372036854775808"}},
	{name: "text", declared: []string{"text"}, cast: "text", values: []string{"", "a", "b", "B", "ab", "a b", "文", "x%", "1"}, extremes: []string{"quo''te", "long long long long long long long text", "\U0001F600"}},
	{name: "bool", declared: []string{"boolean"}, cast: "boolean", values: []string{"true", "false"}, noMin: true},
	{name: "num", declared: []string{"numeric", "numeric(10,2)", "numeric(20,3)"}, cast: "numeric", values: []string{"0", "1", "1.5", "1.50", "-2.25", "10.25"}, extremes: []string{"99999999.99", "-0.01", "NaN"}},
	{name: "ts", declared: []string{"timestamp"}, cast: "timestamp", values: []string{
		"2024-02-28 23:10:00", "2024-02-29 00:00:00", "2024-02-29 00:04:30", "2024-02-29 00:20:00", "2024-02-29 00:31:00", "2024-03-10 02:30:00",
		"2024-03-31 02:30:00", "2024-02-29 00:59:59.999999"}, extremes: []string{"infinity", "-infinity", "0001-01-01 00:00:00", "9999-12-31 23:59:59"}},
	{name: "int2", declared: []string{"smallint"}, cast: "smallint", values: []string{"0", "1", "2", "-1"}, extremes: []string{"32767", "-32768"}},
	{name: "float8", declared: []string{"double precision"}, cast: "double precision", values: []string{"0", "0.5", "-1.25", "3", "1024"}, extremes: []string{"NaN", "Infinity", "-Infinity", "1e300", "1e-300"}},
	{name: "float4", declared: []string{"real"}, cast: "real", values: []string{"0", "0.5", "-1.25", "2"}, extremes: []string{"NaN", "Infinity", "1e30"}},
	{name: "varchar", declared: []string{"varchar(6)", "varchar"}, cast: "varchar", values: []string{"", "a", "ab", "B", "abc"}, extremes: []string{"文 字", "a  "}},
	{name: "char", declared: []string{"char(4)", "char"}, cast: "char(4)", values: []string{"a", "b", "", "c"}, extremes: []string{"文"}},
	{name: "bytea", declared: []string{"bytea"}, cast: "bytea", values: []string{`\x`, `\x00`, `\xff01`, `\x6162`}, noMin: true},
	{name: "date", declared: []string{"date"}, cast: "date", values: []string{"2024-02-28", "2024-02-29", "2024-03-01", "2024-12-31"}, extremes: []string{"infinity", "-infinity", "4713-01-01 BC", "9999-12-31"}},
	{name: "time", declared: []string{"time"}, cast: "time", values: []string{"00:00:00", "12:30:00", "23:59:59.5"}, extremes: []string{"24:00:00"}},
	{name: "tstz", declared: []string{"timestamptz"}, cast: "timestamptz", values: []string{
		"2024-03-31 00:30:00+00", "2024-03-31 01:30:00+00", "2024-10-27 00:30:00+00", "2024-10-27 01:30:00+00", "2024-02-29 12:00:00+05:30",
		"2024-03-10 07:00:00+00"}, extremes: []string{"infinity", "1900-01-01 00:00:00+00"}},
	{name: "interval", declared: []string{"interval"}, cast: "interval", values: []string{"0", "1 hour", "2 days", "1 month 3 days", "-00:00:30"}, extremes: []string{"-5 years 3 months", "1 microsecond"}},
	{name: "uuid", declared: []string{"uuid"}, cast: "uuid", values: []string{
		"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", "ffffffff-ffff-ffff-ffff-ffffffffffff"}, noMin: true},
	{name: "jsonb", declared: []string{"jsonb"}, cast: "jsonb", values: []string{
		`{}`, `[]`, `1`, `"a"`, `null`, `{"a": 1}`, `{"a": {"b": [1, 2]}, "c": "x"}`, `[1, "a", null, {"k": true}]`}, noMin: true},
	{name: "json", declared: []string{"json"}, cast: "json", values: []string{`{"a":1}`, `[1,2]`, `{"a": 1, "a": 2}`, `"x"`}, unsorted: true, noMin: true},
	{name: "ints", declared: []string{"int[]"}, cast: "int[]", values: []string{"{}", "{1}", "{1,2,3}", "{NULL,2}", "{3,3}"}, extremes: []string{"{{1,2},{3,4}}", "[0:1]={5,6}"}},
	{name: "texts", declared: []string{"text[]"}, cast: "text[]", values: []string{"{}", "{a}", "{a,b}", "{NULL,\"x y\"}"}},
}

func classOf(name string) *class {
	i := slices.IndexFunc(classes, func(c class) bool { return c.name == name })
	if i < 0 {
		panic("no class " + name)
	}
	return &classes[i]
}

// named lists the names of the classes that pass.
func named(pass func(*class) bool) []string {
	var out []string
	for i := range classes {
		if pass(&classes[i]) {
			out = append(out, classes[i].name)
		}
	}
	return out
}

var (
	anyClass    = named(func(*class) bool { return true })
	sortedClass = named(func(c *class) bool { return !c.unsorted })
)

// literal draws a typed constant.
func (w *wide) literal(name string) string {
	c := classOf(name)
	if w.chance(10) {
		return "NULL::" + c.cast
	}
	v := w.pick(c.values...)
	if w.extremes && len(c.extremes) > 0 && w.chance(8) {
		v = w.pick(c.extremes...)
	}
	if name == "int4" && !strings.HasPrefix(v, "-") {
		return v
	}
	return "'" + v + "'::" + c.cast
}

// stored draws the text of a value of a row.
func (w *wide) stored(c column) string {
	k := classOf(c.class)
	switch {
	case w.chance(18) && !c.notNull:
		return "NULL"
	case w.extremes && len(k.extremes) > 0 && w.chance(12):
		return "'" + w.pick(k.extremes...) + "'"
	case c.class == "int4" && w.chance(30):
		return w.pick("4", "5", "6", "8", "9", "10", "11", "12")
	}
	return "'" + w.pick(k.values...) + "'"
}
