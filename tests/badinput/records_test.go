package badinput

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// record is a line of a file: col's value in the view, or the reason why it is bad.
type record struct {
	line   string
	col    string
	want   string // of col
	reason string // not "" = bad
}

const deep = 70 // JSON may nest 64 levels

// jsonRecords are one of every kind of reliability.md 9 that fits into a line of JSON. %s is the record's
// own key.
var jsonRecords = []record{
	{`{"k":"%s","i":1}`, "i", "1", ""},
	{`  {"k" : "%s" , "i" : -1 }  `, "i", "-1", ""},
	{`{"k":"%s"}`, "i", "NULL", ""},
	{`{"k":"%s","i":null}`, "i", "NULL", ""},
	{`{"k":"%s","extra":[1,{"x":[]}],"i":2}`, "i", "2", ""},
	{`{"k":"%s","I":3}`, "i", "3", ""},
	{`{"k":"%s","i":1,"i":4}`, "i", "4", ""},
	{`{"k":"%s","i":5,"i":"x"}`, "", "", `column "i"`},
	{`{"k":"%s","i":"6"}`, "i", "6", ""},
	{`{"k":"%s","i":7.0}`, "i", "7", ""},
	{`{"k":"%s","i":8e0}`, "i", "8", ""},
	{`{"k":"%s","i":2147483647}`, "i", "2147483647", ""},
	{`{"k":"%s","i":2147483648}`, "", "", "out of range for integer"},
	{`{"k":"%s","i":-2147483649}`, "", "", "out of range for integer"},
	{`{"k":"%s","i":1.5}`, "", "", "not a whole number"},
	{`{"k":"%s","i":1e400}`, "", "", "out of range"},
	{`{"k":"%s","i":1e-400}`, "", "", "not a whole number"},
	{`{"k":"%s","i":1e99999999999999999999}`, "", "", "out of range"},
	{`{"k":"%s","i":-0}`, "i", "0", ""},
	{`{"k":"%s","i":"seven"}`, "", "", "invalid input syntax for type integer"},
	{`{"k":"%s","i":""}`, "", "", "invalid input syntax for type integer"},
	{`{"k":"%s","i":true}`, "", "", `column "i"`},
	{`{"k":"%s","i":{}}`, "", "", `column "i"`},
	{`{"k":"%s","i":[1]}`, "", "", `column "i"`},
	{`{"k":"%s","b":9223372036854775807}`, "b", "9223372036854775807", ""},
	{`{"k":"%s","b":9223372036854775808}`, "", "", "out of range for bigint"},
	{`{"k":"%s","b":9007199254740993}`, "b", "9007199254740993", ""},
	{`{"k":"%s","n":123456.78}`, "n", "123456.78", ""},
	{`{"k":"%s","n":0.005}`, "n", "0.01", ""},
	{`{"k":"%s","n":1234567}`, "", "", "numeric field overflow"},
	{`{"k":"%s","n":"1e3"}`, "n", "1000.00", ""},
	{`{"k":"%s","n":"NaN"}`, "n", "NaN", ""},
	{`{"k":"%s","n":NaN}`, "", "", "NaN"},
	{`{"k":"%s","f":1e400}`, "", "", "out of range for double precision"},
	{`{"k":"%s","f":1e-400}`, "", "", "out of range for double precision"},
	{`{"k":"%s","f":"Infinity"}`, "f", "Infinity", ""},
	{`{"k":"%s","f":-0.0}`, "f", "-0", ""},
	{`{"k":"%s","f":Infinity}`, "", "", "Infinity"},
	{`{"k":"%s","f":.5}`, "", "", "found"},
	{`{"k":"%s","f":01}`, "", "", "not a number of JSON"},
	{`{"k":"%s","f":+1}`, "", "", "found"},
	{`{"k":"%s","f":0x10}`, "", "", "expected"},
	{`{"k":"%s","r":1e39}`, "", "", "out of range for real"},
	{`{"k":"%s","ok":"maybe"}`, "", "", "invalid input syntax for type boolean"},
	{`{"k":"%s","ok":"off"}`, "ok", "f", ""},
	{`{"k":"%s","ok":1}`, "ok", "t", ""},
	{`{"k":"%s","ok":2}`, "", "", `column "ok"`},
	{`{"k":"%s","t":12}`, "t", "12", ""},
	{`{"k":"%s","t":{"a": 1}}`, "t", `{"a": 1}`, ""},
	{`{"k":"%s","t":""}`, "t", "", ""},
	{`{"k":"%s","t":"\u0000"}`, "", "", "NUL"},
	{`{"k":"%s","t":"\ud83d\ude00"}`, "t", "😀", ""},
	{`{"k":"%s","t":"\ud800"}`, "", "", "surrogate"},
	{`{"k":"%s","t":"\ude00\ud83d"}`, "", "", "surrogate"},
	{`{"k":"%s","t":"\x"}`, "", "", "escape"},
	{`{"k":"%s","t":"\u12"}`, "", "", "escape"},
	{"{\"k\":\"%s\",\"t\":\"a\tb\"}", "", "", "control character"},
	{"{\"k\":\"%s\",\"t\":\"\xff\"}", "", "", "invalid UTF-8"},
	{"{\"k\":\"%s\",\"t\":\"\xc0\xaf\"}", "", "", "invalid UTF-8"},
	{"{\"k\":\"%s\",\"t\":\"\xed\xa0\x80\"}", "", "", "invalid UTF-8"},
	{`{"k":"%s","v":"abc"}`, "v", "abc", ""},
	{`{"k":"%s","v":"abcd"}`, "", "", "value too long for type character varying(3)"},
	{`{"k":"%s","d":"2024-02-29"}`, "d", "2024-02-29", ""},
	{`{"k":"%s","d":"2023-02-29"}`, "", "", "out of range"},
	{`{"k":"%s","d":"0000-01-01"}`, "", "", "out of range"},
	{`{"k":"%s","d":"tomorrowish"}`, "", "", "invalid input syntax for type date"},
	{`{"k":"%s","at":"2024-01-31T10:00:00Z"}`, "at", "2024-01-31 10:00:00", ""},
	{`{"k":"%s","at":1700000000000}`, "at", "2023-11-14 22:13:20", ""},
	{`{"k":"%s","at":1e300}`, "", "", "out of range"},
	{`{"k":"%s","at":"2024-01-31 24:00:01"}`, "", "", "out of range"},
	{`{"k":"%s","at":true}`, "", "", `column "at"`},
	{`{"k":"%s","u":"not-a-uuid"}`, "", "", "invalid input syntax for type uuid"},
	{`{"k":"%s","j":{"b":1,"a":[null]}}`, "j", `{"a": [null], "b": 1}`, ""},
	{`{"k":"%s","j":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}`, "", "", "deep"},
	{`{"k":"%s","extra":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, "", "", "deep"},
	{`{"k":"%s","arr":[1,null,3]}`, "arr", "{1,NULL,3}", ""},
	{`{"k":"%s","arr":[1,"x"]}`, "", "", "invalid input syntax for type integer"},
	{`{"k":"%s","arr":[1,[2]]}`, "", "", `column "arr"`},
	{`{"k":"%s","arr":"{1,2"}`, "", "", "malformed array literal"},
	{`{"k":"%s","req":null}`, "", "", "NOT NULL"},
	{`{"k":"%s","req":9}`, "req", "9", ""},
	{`{"k":"%s","i":1}}`, "", "", "more bytes after the object"},
	{`{"k":"%s","i":1} {"k":"twice"}`, "", "", "more bytes after the object"},
	{`{"k":"%s","i":1`, "", "", "end"},
	{`{"k":"%s","i":1,}`, "", "", "expected a key"},
	{`{"k":"%s" "i":1}`, "", "", "expected ',' or '}'"},
	{`{"k":"%s","i" 1}`, "", "", "expected ':'"},
	{`{"k":"%s","i":}`, "", "", "found"},
	{`{"k":"%s",'i':1}`, "", "", "expected a key"},
	{`{"k":"%s","i":1} // comment`, "", "", "more bytes after the object"},
	{`{"k":"%s","t":"never closed}`, "", "", "end"},
	{`["%s"]`, "", "", "expected an object"},
	{`"%s"`, "", "", "expected an object"},
	{`%s`, "", "", "expected an object"},
	{"\x00%s", "", "", "expected an object"},
	{"\x1f\x8b\x08%s", "", "", "invalid UTF-8"},
	{`{"k":"%s","t":"` + strings.Repeat("x", 3<<20) + `"}`, "length(t)", "3145728", ""},
	{`{"k":"%s","t":"` + strings.Repeat("x", 9<<20) + `"}`, "", "", "more than 8388608"},
}

const jsonColumns = `(k text, i int, b bigint, n numeric(8,2), f double precision, r real, ok boolean, t text, v varchar(3),
	d date, at timestamp, u uuid, j jsonb, arr int[], req int NOT NULL)`

// Every good record is in the view, every bad one in source_errors with its bytes, its position and a
// reason; a view over all columns, one over some, and the batch answer agree.
func TestJSONRecords(t *testing.T) {
	var text strings.Builder
	offsets := make([]int, len(jsonRecords))
	for i, r := range jsonRecords {
		offsets[i] = text.Len()
		text.WriteString(jsonLine(r, i))
		text.WriteString("\n")
		if i%10 == 0 {
			text.WriteString("\r\n  \n") // nothing
		}
	}
	path := file(t, "records.jsonl", text.String())
	w := newWorld(t)
	w.exec("CREATE SOURCE s "+jsonColumns+" INCLUDE offset AS at_byte WITH (connector = 'file', path = "+literal(path)+") FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW v AS SELECT * FROM s", "CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n FROM s")
	checkRecords(w, path, jsonRecords, offsets, jsonLine)
	for _, v := range []string{"v", "c"} {
		w.want("VERIFY MATERIALIZED VIEW "+v, "")
	}
	w.Restart() // finds neither more rows nor more errors
	w.c = w.Conn()
	checkRecords(w, path, jsonRecords, offsets, jsonLine)
}

// jsonLine is record i as it stands in the file: with its key, and with a value for the column that
// must have one.
func jsonLine(r record, i int) string {
	line := r.line
	line = strings.Replace(line, "%s", key(i), 1)
	if !strings.Contains(line, `"req"`) {
		line = strings.Replace(line, `{"k"`, `{"req":1,"k"`, 1)
	}
	return line
}

func key(i int) string { return fmt.Sprintf("record %d", i) }

func checkRecords(w *world, path string, records []record, offsets []int, line func(record, int) string) {
	w.t.Helper()
	good := 0
	var bad []int
	for i, r := range records {
		if r.reason == "" {
			good++
		} else {
			bad = append(bad, i)
		}
	}
	w.soon("SELECT n FROM c", fmt.Sprint(good))
	w.want("SELECT count(*), count(DISTINCT k) FROM v", fmt.Sprintf("%[1]d|%[1]d", good))
	for i, r := range records {
		if r.reason == "" {
			w.want("SELECT "+r.col+" FROM v WHERE k = "+literal(key(i)), r.want)
		}
	}
	errors := w.rows("SELECT partition, position, encode(substring(raw, 1, 200), 'escape'), length(raw), replace(reason, chr(10), ' '), source, time > '2020-01-01' FROM tidemill_catalog.source_errors")
	if len(errors) != len(bad) {
		w.t.Errorf("%d bad records, want %d:\n%s", len(errors), len(bad), strings.Join(errors, "\n"))
		return
	}
	byOffset := map[string]string{}
	for _, e := range errors {
		parts := strings.SplitN(e, "|", 3)
		if parts[0] != path {
			w.t.Errorf("partition %s, want %s", parts[0], path)
		}
		byOffset[parts[1]] = parts[2]
	}
	for _, i := range bad {
		e, ok := byOffset[fmt.Sprint(offsets[i])]
		if !ok {
			w.t.Errorf("no error at byte %d: %.100s", offsets[i], line(records[i], i))
			continue
		}
		raw := line(records[i], i)
		kept := min(len(raw), 64<<10)
		if !strings.Contains(e, fmt.Sprintf("|%d|", kept)) && records[i].reason != "more than 8388608" {
			w.t.Errorf("%.100s\nof %d bytes, not all is kept: %.300s", raw, kept, e)
		}
		if !strings.Contains(e, records[i].reason) || !strings.HasSuffix(e, "|public.s|t") {
			w.t.Errorf("%.100s\n got reason %.300s\nwant %s", raw, e, records[i].reason)
		}
	}
}

// csvRecords: %s is the key, the first field.
var csvRecords = []record{
	{`%s,1,2.5,x,2024-01-31`, "i", "1", ""},
	{`%s,,,,`, "i", "NULL", ""},
	{`%s,"2","2.5","x","2024-01-31"`, "i", "2", ""},
	{`%s,3,,"a ""quoted"" word",`, "t", `a "quoted" word`, ""},
	{"%s,4,,\"two\nlines, one field\",", "replace(t, chr(10), '/')", "two/lines, one field", ""},
	{`%s,5,,"",`, "t", "", ""},
	{`%s,6,, x ,`, "t", " x ", ""},
	{`%s,x,,,`, "", "", "invalid input syntax for type integer"},
	{`%s,"",,,`, "", "", "invalid input syntax for type integer"},
	{`%s,99999999999,,,`, "", "", "out of range for type integer"},
	{`%s,1,1e400,,`, "", "", "out of range"},
	{`%s,1,NaN,,`, "f", "NaN", ""},
	{`%s,1,,,2024-02-30`, "", "", "out of range"},
	{`%s,1,2.5,x`, "", "", "4 fields instead of 5"},
	{`%s,1,2.5,x,,`, "", "", "6 fields instead of 5"},
	{`%s`, "", "", "1 fields instead of 5"},
	{`%s` + strings.Repeat(",", 200_000), "", "", "200001 fields instead of 5"},
	{`%s,1,,a"b,`, "", "", "a quote inside a field without quotes"},
	{`%s,1,,"a"b,`, "", "", "text after the closing quote"},
	{"%s,1,,\xff,", "", "", "invalid UTF-8"},
	{"%s,1,,a\x00b,", "", "", "NUL"},
	{"%s,1,,a\rb,", "", "", "line break outside quotes"},
	{`%s,7,,` + strings.Repeat("x", 100_000) + `,`, "length(t)", "100000", ""},
}

func TestCSVRecords(t *testing.T) {
	csvLine := func(r record, i int) string { return strings.Replace(r.line, "%s", key(i), 1) }
	text := &strings.Builder{}
	text.WriteString("k,i,f,t,d\r\n")
	var offsets []int
	records := append(csvRecords, record{`%s,1,,"never closed,`, "", "", "never closed"})
	for i, r := range records {
		offsets = append(offsets, text.Len())
		text.WriteString(csvLine(r, i) + []string{"\n", "\r\n"}[i%2*min(1, len(records)-1-i)])
	}
	path := file(t, "records.csv", text.String())
	w := newWorld(t)
	w.exec("CREATE SOURCE s (k text, i int, f double precision, t text, d date) WITH (connector = 'file', path = "+literal(path)+") FORMAT PLAIN ENCODE CSV (header = 'true')",
		"CREATE MATERIALIZED VIEW v AS SELECT * FROM s", "CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n FROM s")
	checkRecords(w, path, records, offsets, csvLine)
	for _, v := range []string{"v", "c"} {
		w.want("VERIFY MATERIALIZED VIEW "+v, "")
	}

	// Headers that cannot be read stop the source, not the server.
	for name, c := range map[string]struct{ text, status string }{
		"missing": {"k,i,f,t\na,1,2,x\n", `the CSV header has no column "d"`},
		"broken":  {"k,i,\"f\na,1,2,x,\n", "the CSV header cannot be read"},
		"bytes":   {"\xff\xfe\x00k,i\n", "the CSV header has no column"},
	} {
		path := file(t, "x.csv", c.text)
		w.exec("CREATE SOURCE " + name + " (k text, i int, f double precision, t text, d date) WITH (connector = 'file', path = " + literal(path) + ") FORMAT PLAIN ENCODE CSV (header = 'true')")
		w.exec("CREATE MATERIALIZED VIEW v_" + name + " AS SELECT * FROM " + name)
		w.soon("SELECT message LIKE "+literal("%"+c.status+"%")+" FROM tidemill_catalog.sources WHERE name = "+literal(name), "t")
		w.beat(t)
	}
}

// A record that is bad in any column is in no view, whichever columns a view reads and whichever view
// came first: else what a view holds would depend on the other views.
func TestRecordsBadInOneColumn(t *testing.T) {
	path := file(t, "s.jsonl", `{"a":1,"b":1}`+"\n"+`{"a":2,"b":"x"}`+"\n"+`{"a":"x","b":3}`+"\n")
	w := newWorld(t)
	w.exec("CREATE SOURCE s (a int, b int) WITH (connector = 'file', path = "+literal(path)+", mode = 'follow') FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW va AS SELECT a FROM s")
	w.soon("SELECT count(*) FROM tidemill_catalog.source_errors", "2")
	w.want("SELECT a FROM va", "1")
	w.exec("CREATE MATERIALIZED VIEW vb AS SELECT b FROM s")
	w.soon("SELECT b FROM vb", "1")
	appendTo(t, path, `{"a":4,"b":4}`+"\n"+`{"a":5,"b":"x"}`+"\n"+`{"a":"x","b":6}`+"\n")
	w.soon("SELECT count(*) FROM tidemill_catalog.source_errors", "4")
	for range 2 {
		w.soon("SELECT a FROM va ORDER BY a", "1,4")
		w.soon("SELECT b FROM vb ORDER BY b", "1,4")
		w.want("VERIFY MATERIALIZED VIEW va", "")
		w.want("VERIFY MATERIALIZED VIEW vb", "")
		w.Restart()
		w.c = w.Conn()
	}
	w.want("SELECT count(*) FROM tidemill_catalog.source_errors", "4")
}

// In follow mode a file grows in pieces that end anywhere; what has no line break yet waits.
func TestGrowingFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jsonl")
	w := newWorld(t)
	// The file comes after the source, which says so meanwhile.
	w.exec("CREATE SOURCE s (a int, t text) WITH (connector = 'file', path = "+literal(dir+"/*.jsonl")+", mode = 'follow') FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, sum(a) AS total, sum(length(t)) AS chars FROM s")
	w.soon("SELECT message LIKE 'no file matches %' FROM tidemill_catalog.sources", "t")
	text := ""
	for i := range 40 {
		text += fmt.Sprintf("{\"a\":%d,\"t\":\"é\\u00e9\"}\n", i)
		if i%8 == 3 {
			text += "{\"a\":" + "\n"
		}
	}
	write(t, path, "")
	for len(text) > 0 {
		n := min(len(text), 37)
		appendTo(t, path, text[:n])
		text = text[n:]
		time.Sleep(time.Millisecond)
	}
	w.soon("SELECT n, total, chars FROM v", "40|780|80")
	w.soon("SELECT count(*) FROM tidemill_catalog.source_errors", "5")
	w.want("SELECT message IS NULL FROM tidemill_catalog.sources", "t")
	appendTo(t, path, `{"a":1000`) // half a line
	time.Sleep(50 * time.Millisecond)
	w.Restart()
	w.c = w.Conn()
	w.want("SELECT n FROM v", "40")
	appendTo(t, path, "}\n")
	w.soon("SELECT n, total FROM v", "41|1780")
	write(t, filepath.Join(dir, "b.jsonl"), "{\"a\":1}\n") // another file
	w.soon("SELECT n FROM v", "42")
	w.want("SELECT count(*) FROM tidemill_catalog.source_errors", "5")
	w.want("VERIFY MATERIALIZED VIEW v", "")
}

// Files that go away, are cut, replaced, or never were files: the source says so, its views keep what
// they have, everything else goes on.
func TestFilesThatBreak(t *testing.T) {
	w := newWorld(t)
	source := func(name, path, mode string) string {
		return "CREATE SOURCE " + name + " (a int) WITH (connector = 'file', path = " + literal(path) + ", mode = '" + mode + "') FORMAT PLAIN ENCODE JSON"
	}
	dir := t.TempDir()
	w.fails(source("x", dir+"/missing", "once"), "58P01", "no file matches")
	w.fails(source("x", dir, "once"), "42809", "is a directory")
	w.fails(source("x", "/dev/zero", "follow"), "42809", "is a device")
	w.fails(source("x", dir+"/[", "once"), "22023", "not a file pattern")
	w.fails(source("x", dir+"\x01/\x02", "once"), "58P01", "no file matches")
	w.fails(source("x", strings.Repeat("/x", 5000), "once"), "58030", "")
	if os.Getuid() != 0 {
		locked := file(t, "locked", "{}\n")
		if err := os.Chmod(locked, 0); err != nil {
			t.Fatal(err)
		}
		w.fails(source("x", locked, "once"), "42501", "may not be read")
	}

	three := "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"
	breaks := map[string]struct {
		do      func(path string)
		message string
	}{
		"truncated": {func(p string) { write(t, p, "{\"a\":9}\n") }, "was truncated"},
		"emptied":   {func(p string) { write(t, p, "") }, "was truncated"},
		"replaced": {func(p string) {
			write(t, p+".new", "{\"a\":7}\n{\"a\":8}\n{\"a\":9}\n{\"a\":10}\n")
			if err := os.Rename(p+".new", p); err != nil {
				t.Fatal(err)
			}
		}, "was replaced"},
		"rewritten": {func(p string) { write(t, p, strings.ReplaceAll(three, "1", "5")+"{\"a\":6}\n") }, "was replaced"},
		"removed": {func(p string) {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"made a directory": {func(p string) {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(p, 0o755); err != nil {
				t.Fatal(err)
			}
		}, ""},
	}
	paths := map[string]string{}
	for name := range breaks {
		paths[name] = filepath.Join(dir, strings.ReplaceAll(name, " ", "_"))
		write(t, paths[name], three)
		w.exec(source(`"`+name+`"`, paths[name], "follow"),
			fmt.Sprintf(`CREATE MATERIALIZED VIEW "v %s" AS SELECT sum(a) AS total FROM "%s"`, name, name))
		w.soon(fmt.Sprintf(`SELECT total FROM "v %s"`, name), "6")
	}
	for name, b := range breaks {
		b.do(paths[name])
	}
	for name, b := range breaks {
		if b.message != "" {
			w.soon(fmt.Sprintf("SELECT message LIKE '%%%s%%' FROM tidemill_catalog.sources WHERE name = '%s'", b.message, name), "t")
		}
		w.want(fmt.Sprintf(`SELECT total FROM "v %s"`, name), "6")
	}
	w.beat(t)
	w.Restart() // the server starts all the same
	w.c = w.Conn()
	for name, message := range map[string]string{"removed": "is gone", "made a directory": "is a directory"} {
		b := breaks[name] // the open file was still whole
		b.message = message
		breaks[name] = b
	}
	for name, b := range breaks {
		w.soon(fmt.Sprintf("SELECT message LIKE '%%%s%%' FROM tidemill_catalog.sources WHERE name = '%s'", b.message, name), "t")
		w.want(fmt.Sprintf(`SELECT total FROM "v %s"`, name), "6")
	}
	w.beat(t)
	for name := range breaks { // and they can be dropped and made anew
		w.exec(fmt.Sprintf(`DROP SOURCE "%s" CASCADE`, name))
	}
	w.exec(source("truncated", paths["truncated"], "follow"), "CREATE MATERIALIZED VIEW again AS SELECT sum(a) AS total FROM truncated")
	w.soon("SELECT total FROM again", "9")
}

// A view over a source all of whose records are bad comes into being, empty.
func TestOnlyBadRecords(t *testing.T) {
	path := file(t, "bad.jsonl", strings.Repeat("rubbish\n", 20_000))
	w := newWorld(t)
	w.exec("CREATE SOURCE s (a int) WITH (connector = 'file', path = "+literal(path)+") FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s")
	w.soon("SELECT bad_records FROM tidemill_catalog.sources", "20000")
	w.soon("SELECT count(*), count(DISTINCT position) FROM tidemill_catalog.source_errors", "20000|20000")
	w.want("SELECT n FROM v", "0")
	w.exec("DROP SOURCE s CASCADE")
	w.want("SELECT count(*) FROM tidemill_catalog.source_errors", "0")
}

// file writes a file into a directory of the test and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, text)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
