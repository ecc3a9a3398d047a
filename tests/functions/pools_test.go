//go:build services

package functions

import (
	"strings"

	"tidemill/sql/types"
)

// pools are the values that arguments are drawn from, as text, per type.
var pools = map[types.ID][]string{
	types.Bool:         {"true", "false"},
	types.Int2:         {"0", "1", "-1", "2", "7", "-32768", "32767", "3", "100", "16"},
	types.Int4:         {"0", "1", "-1", "2", "3", "4", "7", "-2147483648", "2147483647", "31", "46341", "-2", "100", "2000"},
	types.Int8:         {"0", "1", "-1", "2", "7", "-9223372036854775808", "9223372036854775807", "3037000500", "33", "-5", "4294967296"},
	types.Float4:       {"0", "-0", "1.5", "-2", "NaN", "Infinity", "-Infinity", "3e38", "1e-40", "0.1", "16777217", "2.5", "-0.5"},
	types.Float8:       {"0", "-0", "1", "0.5", "-0.5", "2.5", "30", "-45", "NaN", "Infinity", "-Infinity", "1e308", "1e-308", "5e-324", "700", "9007199254740993", "0.1", "-1e15", "123456.789", "9223372036854775808"},
	types.Numeric:      {"0", "0.000", "1", "-1.50", "2.5", "0.5", "-0.5", "0.001", "NaN", "Infinity", "-Infinity", "12345678901234567890.123", "-7", "100.00", "1e-20", "99999999999999999999999999999999999999999", "0.1", "3", "-123.456", "1234567.891"},
	types.Text:         texts,
	types.Varchar:      texts,
	types.Name:         {"", "a", "Ab", "pg_class"},
	types.Bpchar:       {"a", "a  ", "b", "", "é"},
	types.Bytea:        {`\x`, `\x00`, `\x0001`, `\x616263`, `\xff5c27`, `\x6162`, `\xc3a9`},
	types.Date:         {"2024-02-29", "1969-12-31", "infinity", "-infinity", "0044-03-15 BC", "2000-01-01", "4713-01-01 BC", "5874897-12-31", "2024-03-10", "1582-10-15", "2023-12-31", "0001-01-01"},
	types.Time:         {"00:00", "23:59:59.999999", "24:00:00", "12:34:56.789", "02:30", "01:02:03.000004"},
	types.Timestamp:    {"2024-02-29 00:00", "1969-12-31 12:34:56.789", "infinity", "-infinity", "0044-03-15 12:00 BC", "2024-03-10 02:30", "2024-11-03 01:30", "294246-12-31 23:59:59.999999", "4713-01-01 00:00 BC", "2000-01-01 00:00:00.000001", "2023-12-31 23:59:59.999999", "2024-03-31 02:30"},
	types.Timestamptz:  {"2024-02-29 00:00+00", "1969-12-31 00:00+02", "infinity", "-infinity", "2024-03-10 06:59:59+00", "2024-03-10 07:00+00", "2024-11-03 05:30+00", "2024-11-03 06:30+00", "0044-03-15 12:00+00 BC", "1883-11-18 17:00+00", "2024-10-05 15:30+00", "2000-01-01 00:00:00.000001+00", "294246-12-31 23:59:59.999999+00"},
	types.Interval:     {"1 month", "30 days", "720:00:00", "-1 day", "0", "1 year 2 mons -3 days 04:05:06.789", "-1 year -2 mons +3 days -04:05:06.789", "178000000 years", "1 microsecond", "-00:00:01.5", "1 day -1 second", "25:00:00", "15 minutes", "100 years"},
	types.UUID:         {"00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	types.JSON:         jsons,
	types.JSONB:        jsons,
	types.OID:          {"0", "42", "4294967295"},
	types.Xid:          {"0", "42"},
	types.InternalChar: {"a", "", "b", "1"},
}

var texts = []string{"", "a", "B", "ab", "é", "e\u0301x", "twelve bytes", "0123456789", "Hello, World 12", "  pad ", "a\tb\nc",
	"50%_done\\", "𝒳y😀", `"quoted" 'single'`, "ß İ ǆ", "1", "-1.5", "true", "2024-02-29", "NaN", "a.b.c", "x|y|z", "{1,2}", "abcabcabc",
	"a somewhat longer text of three blocks, and more", "%", "a*b+", "UTF8", "hex", "day", "month", "YYYY-MM-DD HH24:MI:SS", "999,999.99", "NFC", "g", "i", "UTC", "America/New_York"}

var jsons = []string{`{"a": 1}`, `[1, 2, null]`, `"x"`, `null`, `1.0`, `1.00`, `[]`, `{}`, `{"a": {"b": [1, {"c": "é\u0001"}]}, "b": null}`,
	`[[1], [2, 3], "a"]`, `{"b": 1, "a": 2, "b": 3}`, `-0`, `true`, `12345678901234567890.5`, `"\ud83d\ude00 \"q\" \\ \/"`, `{"": [{}]}`, `[{"a": 1, "b": "x"}, {"a": 2}]`, `1e3`, `["a", "b", 3]`}

// special are the pools of arguments that are mostly refused when drawn blindly: patterns, names of
// fields, zones and encodings. The key is a function's name and the argument's place.
var special = map[string][]string{
	"extract/0": fields, "date_part/0": fields,
	"date_trunc/0":       {"microseconds", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium", "epoch", "no", "DAY"},
	"date_trunc/2":       zones,
	"timezone/0":         zones,
	"date_bin/0":         {"15 minutes", "1 day", "1 month", "0", "-1 hour", "3 days 00:00:01"},
	"to_char/1":          append(dateTemplates[:len(dateTemplates):len(dateTemplates)], numberTemplates...),
	"to_date/0":          dateTexts,
	"to_date/1":          dateTemplates,
	"to_timestamp/0":     dateTexts,
	"to_timestamp/1":     dateTemplates,
	"to_number/0":        {"12,454.8-", "1", "-1.5", "$1,234.50", "<12>", "  12 ", "+3", "12345.678", "1.2.3", "abc", "", "12 345", "XIV"},
	"to_number/1":        numberTemplates,
	"encode/1":           {"hex", "base64", "escape", "HEX", "x"},
	"decode/1":           {"hex", "base64", "escape", "HEX", "x"},
	"decode/0":           {"6162", "YWJj", `a\000b`, "zz", "", "6", "YW Jj", "YWI=", "YWI", `\\x`, "=", "YWJjZA=="},
	"convert_from/1":     {"UTF8", "LATIN1", "SQL_ASCII", "nope"},
	"convert_to/1":       {"UTF8", "LATIN1", "SQL_ASCII", "nope"},
	"normalize/1":        {"NFC", "NFD", "NFKC", "NFKD", "x"},
	"is_normalized/1":    {"NFC", "NFD", "NFKC", "NFKD", "x"},
	"format/0":           {"%s", "%I %L", "%1$s %1$I", "%%", "%-5s|", "%5s|", "%*s", "%2$s", "%", "%x", "no", "%s %s %s", "%-*s|", "%0$s"},
	"make_date/0":        {"2024", "0", "-44", "1", "5874897", "10000000"},
	"make_timestamp/0":   {"2024", "0", "-44", "1", "294276", "300000"},
	"make_timestamptz/0": {"2024", "0", "-44", "1", "294276", "300000"},
	"make_timestamptz/6": zones,
	"make_timestamp/5":   seconds, "make_timestamptz/5": seconds, "make_time/2": seconds, "make_interval/6": seconds,
	"overlay/2":            {"0", "1", "2", "-1", "5"},
	"json_array_element/1": {"0", "1", "-1"},
	"repeat/1":             small, "lpad/1": small, "rpad/1": small, "left/1": small, "right/1": small,
	"generate_series/0": {"1", "0", "-3", "5", "NaN", "Infinity", "1.5"}, "generate_series/1": {"1", "9", "-3", "NaN", "2.25"},
	"generate_series/2":   {"1", "2", "-1", "0", "1 day", "1 month", "-1 day", "1000"},
	"array_fill/1":        {"{2}", "{2,2}", "{0}", "{-1}", "{}", "{NULL}"},
	"array_fill/2":        {"{1}", "{0,0}", "{5}", "{}", "{NULL}"},
	"unistr/0":            {`d\0061t\+000061`, `\d83d\de00`, `\\`, `\u0061\U00000062`, `\d83d`, "a", `\x`},
	"parse_ident/0":       {"a.b", `"A b".c`, "a..b", "a b", "", ".a", `"`, "A.B.C", `a."b""c"`, "1a"},
	"width_bucket/3":      {"1", "5", "0", "-1", "2147483647"},
	"similar_to_escape/0": patterns, "~~/1": patterns, "!~~/1": patterns, "~~*/1": patterns, "!~~*/1": patterns, "like_escape/0": patterns,
	"~/1": regexes, "!~/1": regexes, "~*/1": regexes, "!~*/1": regexes,
	"regexp_match/1": regexes, "regexp_matches/1": regexes, "regexp_replace/1": regexes, "regexp_split_to_array/1": regexes,
	"regexp_split_to_table/1": regexes, "regexp_count/1": regexes, "regexp_instr/1": regexes, "regexp_like/1": regexes, "regexp_substr/1": regexes,
	"regexp_replace/2": {"", "X", `[\1]`, `\&\&`, `\\`, `\2`, `\`, "$1"},
	"@?/1":             paths, "@@/1": paths,
	"factorial/0": {"0", "1", "5", "20", "30", "-1"},
	"power/1":     {"0", "1", "2", "0.5", "-1", "3", "NaN", "Infinity", "-2.5", "100"},
	"^/1":         {"0", "1", "2", "0.5", "-1", "3", "NaN", "Infinity", "-2.5", "100"},
	"exp/0":       {"0", "1", "-1", "0.5", "NaN", "Infinity", "-Infinity", "100", "-100", "5000", "-6000"},
	"round/1":     small, "trunc/1": small,
	"pg_sleep/0": {"0"},
}

var (
	small     = []string{"0", "1", "2", "-1", "7", "-2", "20"}
	seconds   = []string{"0", "59.999999", "60", "-1", "12.5", "NaN", "0.0000004"}
	zones     = []string{"UTC", "America/New_York", "Australia/Lord_Howe", "EST5EDT", "+05:30", "-3", "nope", "Europe/Dublin", "PST", "Asia/Kolkata"}
	fields    = strings.Fields("epoch year month day hour minute second millisecond microseconds week isoyear isodow dow doy quarter decade century millennium julian timezone timezone_hour timezone_minute nope YEAR")
	dateTexts = []string{"2024-02-29", "2024-02-29 12:34:56", "29 Feb 2024", "", "20240229", "2024-02-30", "05 Dec 2000", "12:34 PM", "2024-060", "44-03-15 BC", "1,234", "2024-W09-4", "abc", "24", "12345", "2024-02-29 12:34:56.789+02"}

	dateTemplates = []string{"YYYY-MM-DD", "YYYY-MM-DD HH24:MI:SS", "DD Mon YYYY", "YYYYMMDD", "HH:MI AM", "YYYY-DDD", "YYYY-MM-DD BC", "Y,YYY", "IYYY-\"W\"IW-ID",
		"Month, DD Day", "FMMonth FMDD, FMDay", "MONTH MON mon Dy DY dy", "YY Y YYY IYY IY I", "CC J Q W WW IW D ID DDD IDDD", "HH12:MI:SS.MS US", "SSSS SSSSS", "FF1 FF2 FF3 FF4 FF5 FF6",
		"TZ tz TZH TZM OF", "RM rm FMRM", "DDth DDTH FMDDth", "\"quoted \\\" text\" YYYY", "FXYYYY MM DD", "a.m. A.M. pm", "b.c. B.C. AD ad A.D.", "", "YYYY-MM-DD HH24:MI:SS.MS", "YYYY-MM-DD\"T\"HH24:MI:SS.USTZH:TZM", "TMMonth TMDay", "HH24:MI:SS,FF3", "DD/MM/YY", "MI:SS", "FMYYYY FMHH24 FMMI", "HH24th MIth"}
	numberTemplates = []string{"999", "999.99", "FM999.00", "S999", "999MI", "PL999", "SG999", "999PR", "9,999,999.99", "0000", "L99", "9.99EEEE", "RN", "FMRN", "rn", "999V99", "999th", "FM9G999D99", "\"n=\"999", "B999", "90.0", "", "999S", "MI999", "FM0.9", "9999999999999999999D999", "99 99", "0.0EEEE"}

	patterns = []string{"%", "_", "a%", "%a", "%a%", "a_", `50\%%`, "", "%é%", "__", `\`, "A%", "(a|b)%", "[ab]+", "a{2}", "%#\"b#\"%", "_*", "h%d", "%%b%"}
	regexes  = []string{"a", "b+", "(a)(b)?", "^a", "b$", "", "(?i)B", "[[:alpha:]]+", `\d+`, `\m\w`, `\w\M`, `\yW`, `\Y.`, "(a|ab)(c|bcd)(d*)", "a*?b", "(a*)(b*)", "(.)\\1", "a(?=b)", "(?<=a)b", "(?!a).", "(?<!a)b", "x*", "[^a]", "(", "[", "a{2}", "a{1,2}?", "a{2,1}", "*", `\A\w`, `\w\Z`, "(?n)^.", "***=a.b", "***:a", "a|b|", "(a|b)*c", `\s+`, "[[:<:]]a", ".", "(?:a|b)+?", "((a)|b)+", "[a-c]{2}", `\u00e9`, `[\d]`, `\`, "a**", "^*", `(\w+)\s+(\w+)`, `\D`, `\W`, `\S`, "(?x) a b # c", `[[.a.]]`, `[[=a=]]`, "[b-a]", "(a)(?:b)(c)", "$", "^", `\B`}
	paths    = []string{"$", "$.a", "$[*]", "$.a.b[0]", "lax $.a[*]", "strict $.a", "$.**", "$[last]", "$[0 to 1]", "$ ? (@ > 1)", "$.a ? (@ == 1)", "$.keyvalue()", "$.type()", "$.size()", "$[*].double()", "$.a + 1", "-$.a", "exists($.a)", "$.a == 1", "$ like_regex \"^x\"", "$ starts with \"x\"", "$.*", "$.a.ceiling()", "$[*] ? (@.a > 1).b", "$ == null", "($ == 1) is unknown", "!($ == 1)", "$.a == 1 && $.b == 2", "$.datetime()", "$[*].abs()", "$.floor()"}
)

// poolOf returns the values for argument i of a function.
func poolOf(name string, i int, t types.Type) []string {
	if p := special[name+"/"+string(rune('0'+i))]; p != nil && (t.IsString() || t.ID == types.Interval || t.IsNumber() || t.ID == types.Array) {
		return p
	}
	if t.ID != types.Array {
		return pools[t.ID]
	}
	return arraysOf(pools[t.Elem.ID])
}

// arraysOf makes arrays of values: none, one, several with NULL, several dimensions, another lower bound.
func arraysOf(vals []string) []string {
	if len(vals) == 0 {
		return nil
	}
	q := func(i int) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(vals[i%len(vals)]) + `"`
	}
	return []string{
		"{}", "{" + q(0) + "}", "{NULL}", "{" + q(0) + "," + q(1) + "}", "{" + q(1) + ",NULL," + q(0) + "," + q(1) + "}",
		"{{" + q(0) + "," + q(1) + "},{" + q(2) + ",NULL}}", "[0:1]={" + q(3) + "," + q(4) + "}", "[-1:-1][2:3]={{" + q(5) + "," + q(6) + "}}",
		"{" + q(2) + "," + q(3) + "," + q(4) + "}",
	}
}
