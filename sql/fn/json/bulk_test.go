package json_test

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tidemill/sql/fn"
	"tidemill/sql/fn/fntest"
	"tidemill/sql/types"
)

var samples = map[types.ID][]string{
	types.Bool: {"t", "f"}, types.Int4: {"0", "1", "-1", "3", "7", "-100", "2147483647", "-2147483648"}, types.Int8: {"0", "5", "-1"},
	types.Float8: {"0", "1.5", "-2.25", "1e300", "NaN", "Infinity", "0.1"}, types.Float4: {"0", "1.5", "-2.5"},
	types.Numeric: {"0", "1.50", "-1", "NaN", "12345678901234567890.5", "0.001"},
	types.Text:    {"", "a", "Abc", "a,b,c", "héllo wörld", "  x ", "%", "_b%", "day", "hour", "month", "UTC", "\\", "日本", "{a,b}", "YYYY-MM-DD", "999.9", "g", "i", "a+", "(b|c)"},
	types.Bytea:   {"\\x", "\\x00ff", "\\x6162"}, types.Bpchar: {"a  "}, types.Name: {"abc"},
	types.Date: {"2024-02-29", "0044-03-15 BC", "infinity", "1970-01-01"}, types.Time: {"00:00:00", "12:34:56.789", "24:00:00"},
	types.Timestamp:   {"2024-02-29 12:34:56.789", "1969-12-31 23:59:59.999999", "0001-01-01 00:00:00 BC", "-infinity", "2024-03-10 02:30:00", "2024-11-03 01:30:00"},
	types.Timestamptz: {"2024-02-29 12:34:56.789+00", "2024-11-03 05:30:00+00", "infinity", "0001-01-01 00:00:00+00 BC"},
	types.Interval:    {"0", "1 mon -1 day 01:00:00.5", "-1 year", "100 days 25:00:00", "1 day", "00:15:00"},
	types.JSON:        {`{"a":1,"b":[1,{"c":null}]}`, `[1,"a",null,{"a":2}]`, `"x"`, `1.50`, `{}`}, types.JSONB: {`{"a":1,"b":[1,{"c":null}]}`, `[1,"a",null,{"a":2}]`, `"x"`, `1.50`, `{}`, `[]`, `true`},
	types.UUID: {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, types.OID: {"42"}, types.Int2: {"5", "-1"}, types.Varchar: {"abc"}, types.InternalChar: {"x"},
}

func sampleOf(t types.Type) []string {
	if t.ID == types.Array {
		return []string{"{}", "{a,b}", "{b,NULL,c}", "{0,1}"}
	}
	return samples[t.ID]
}

func TestBulk(t *testing.T) {
	dsn := os.Getenv("TIDEMILL_RECORD")
	if dsn == "" {
		t.Skip()
	}
	ctx := context.Background()
	conn, _ := pgx.Connect(ctx, dsn)
	conn.Exec(ctx, "set timezone='America/New_York'")
	conn.Exec(ctx, `create or replace function pg_temp.try(q text) returns text language plpgsql as $$
declare r text; begin execute 'select (' || q || ')::text' into r; return coalesce(r, 'NULL');
exception when others then return '!' || sqlstate || ' ' || sqlerrm; end $$`)
	c := fntest.Ctx()
	rng := rand.New(rand.NewSource(1))
	bad, n := map[string]int{}, 0
	for _, s := range fn.Scalars() {
		fam := s.Family
		if s.Name == "||" && fam == "" {
			fam = "String"
		}
		switch fam {
		case "String", "Pattern matching", "Binary string", "Date/time", "Formatting", "Array", "JSON":
		default:
			continue
		}
		if len(s.Args) == 0 || s.Volatility == fn.Volatile || s.Name == "age" && len(s.Args) == 1 || strings.HasPrefix(s.Name, "current") || strings.HasPrefix(s.Name, "local") {
			continue
		}
		var lines [][]string
		for range 60 {
			f := []string{s.Name}
			for _, a := range s.Args {
				switch a.ID {
				case fn.AnyElement.ID:
					a = types.T(types.Int4)
				case fn.AnyArray.ID:
					a = types.ArrayOf(types.T(types.Int4))
				case fn.Any.ID:
					a = types.T([]types.ID{types.Int4, types.Text, types.Bool, types.Numeric}[rng.Intn(4)])
				}
				vs := sampleOf(a)
				if a.ID == types.Array && a.Elem.ID == types.Int4 {
					vs = []string{"{}", "{1,2,3}", "{NULL,1}", "{{1,2},{3,4}}", "[5:6]={0,1}"}
				}
				if len(vs) == 0 {
					continue
				}
				name := a.String()
				f = append(f, name+":"+vs[rng.Intn(len(vs))])
			}
			lines = append(lines, f)
		}
		for _, f := range lines {
			var want string
			q := strings.TrimPrefix(fntest.SQL(f), "select ")
			if err := conn.QueryRow(ctx, "select pg_temp.try($1)", q).Scan(&want); err != nil {
				t.Fatal(err)
			}
			got := fntest.Eval(c, f)
			if strings.HasPrefix(got, `"`) {
				got = unq(got)
			}
			if got == "t" || got == "f" {
				got = map[string]string{"t": "true", "f": "false"}[got]
			}
			if w := want; w == "t" || w == "f" {
				want = map[string]string{"t": "true", "f": "false"}[w]
			}
			n++
			if got != unq(want) && got != want {
				key := s.Name
				if bad[key]++; bad[key] <= 3 {
					fmt.Printf("%v\n   got %q\n  want %q\n", strings.Join(f, " | "), got, want)
				}
			}
		}
	}
	fmt.Println(n, "calls; bad:", bad)
}

func unq(s string) string {
	var out string
	if _, err := fmt.Sscanf(s, "%q", &out); err == nil && strings.HasPrefix(s, `"`) {
		return out
	}
	return s
}
