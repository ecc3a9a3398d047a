// Package fntest runs the recorded cases of function families and casts.
//
// A testdata file holds one case a line, "function | type:value | type:value => result", recorded
// from PostgreSQL 15 by TIDEMILL_RECORD=postgres://… go test. Functions are operators or names;
// "cast:type" casts. A value of NULL is NULL, fields with odd bytes are quoted as in Go, an error is
// "!code message", the rows of a table function are separated by " ; ".
package fntest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Zone is the session time zone of recorded cases.
const Zone = "America/New_York"

// Ctx returns the settings under which cases are recorded and run.
func Ctx() *fn.Ctx {
	loc, err := time.LoadLocation(Zone)
	if err != nil {
		panic(err)
	}
	return &fn.Ctx{Env: types.Env{Zone: loc}, Now: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC).UnixMicro()}
}

// Run runs a file of recorded cases, or records it.
func Run(t *testing.T, path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	if dsn := os.Getenv("TIDEMILL_RECORD"); dsn != "" {
		record(t, dsn, path, lines)
		return
	}
	c := Ctx()
	for i, l := range lines {
		if l == "" || l[0] == '#' {
			continue
		}
		in, want, _ := strings.Cut(l, " => ")
		if got := Eval(c, fields(in)); got != want {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", path, i+1, in, got, want)
		}
	}
}

func fields(in string) []string {
	f := strings.Split(in, " | ")
	for i, s := range f {
		typ, val, ok := strings.Cut(s, ":")
		if i == 0 || !ok {
			continue
		}
		if u, err := strconv.Unquote(val); err == nil && strings.HasPrefix(val, `"`) {
			f[i] = typ + ":" + u
		}
	}
	return f
}

func quoteOdd(s string) string {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t\r") {
		return strconv.Quote(s)
	}
	return s
}

// Eval runs one case.
func Eval(c *fn.Ctx, f []string) (result string) {
	fail := func(err error) string {
		e := sqlerr.As(err)
		return "!" + string(e.Code) + " " + e.Message
	}
	defer func() {
		if p := recover(); p != nil {
			result = fmt.Sprintf("!panic %v", p)
		}
	}()
	var args []types.Datum
	var ts []types.Type
	for _, a := range f[1:] {
		typ, val, _ := strings.Cut(a, ":")
		base, mods := splitMods(typ)
		t := types.T(types.Unknown)
		if typ != "unknown" {
			var err error
			if t, err = types.ByName(base, mods, 0); err != nil {
				return fail(err)
			}
		}
		d := types.NullOf(t)
		if val != "NULL" {
			var err error
			if d, err = types.ParseText(t, val, &c.Env); err != nil {
				return fail(err)
			}
		}
		args, ts = append(args, d), append(ts, t)
	}
	if target, ok := strings.CutPrefix(f[0], "cast:"); ok {
		base, mods := splitMods(target)
		to, err := types.ByName(base, mods, 0)
		if err != nil {
			return fail(err)
		}
		d, err := castTo(c, args[0], to)
		if err != nil {
			return fail(err)
		}
		return show(c, d)
	}
	if fn.IsTable(f[0]) && !fn.IsScalar(f[0]) {
		return evalTable(c, f[0], args, ts, fail)
	}
	s, want, err := fn.ResolveScalar(f[0], ts)
	if err != nil {
		return fail(err)
	}
	vecs := make([]*rows.Vec, len(args))
	for i := range args {
		d, err := castTo(c, args[i], want[i])
		if err != nil {
			return fail(err)
		}
		vecs[i] = rows.Const(d, 3)
	}
	// Three equal rows, the middle one selected: catches kernels that ignore sel.
	c.Errs = nil
	out := s.Kernel(c, vecs, []int32{1}, 3)
	if len(c.Errs) > 0 {
		return fail(c.Errs[0].Err)
	}
	return show(c, out.Datum(1))
}

func evalTable(c *fn.Ctx, name string, args []types.Datum, ts []types.Type, fail func(error) string) string {
	s, want, err := fn.ResolveTable(name, ts)
	if err != nil {
		return fail(err)
	}
	for i := range args {
		if args[i], err = castTo(c, args[i], want[i]); err != nil {
			return fail(err)
		}
	}
	b := rows.NewBuilder(s.OutputColumns(want), 4)
	if err := s.Rows(c, args, b); err != nil {
		return fail(err)
	}
	batch := b.Finish()
	var out []string
	for i := range batch.N {
		var row []string
		for _, col := range batch.Cols {
			row = append(row, show(c, col.Datum(i)))
		}
		out = append(out, strings.Join(row, ","))
	}
	return strings.Join(out, " ; ")
}

func show(c *fn.Ctx, d types.Datum) string {
	if d.Null {
		return "NULL"
	}
	return quoteOdd(types.TextOf(d, &c.Env))
}

func castTo(c *fn.Ctx, d types.Datum, to types.Type) (types.Datum, error) {
	if d.Type.Equal(to) {
		return d, nil
	}
	k, ok := fn.FindCast(d.Type, to, fn.Explicit)
	if !ok {
		return d, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", fn.TypeName(d.Type), fn.TypeName(to))
	}
	c.Errs = nil
	out := k.KernelFor(d.Type, to)(c, []*rows.Vec{rows.Const(d, 3)}, []int32{1}, 3)
	if len(c.Errs) > 0 {
		return d, c.Errs[0].Err
	}
	return out.Datum(1), nil
}

// splitMods cuts "numeric(10,2)" into its parts; time(3) with time zone is not understood.
func splitMods(t string) (string, []int) {
	base, rest, ok := strings.Cut(t, "(")
	if !ok {
		return t, nil
	}
	list, tail, _ := strings.Cut(rest, ")")
	var mods []int
	for m := range strings.SplitSeq(list, ",") {
		n, _ := strconv.Atoi(m)
		mods = append(mods, n)
	}
	return base + tail, mods
}

// SQL returns the statement that computes a case.
func SQL(f []string) string {
	args := make([]string, len(f)-1)
	for i, a := range f[1:] {
		typ, val, _ := strings.Cut(a, ":")
		lit := "NULL"
		if val != "NULL" {
			lit = "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(val) + "'"
		}
		if typ != "unknown" {
			lit += "::" + typ
		}
		args[i] = "(" + lit + ")"
	}
	if target, ok := strings.CutPrefix(f[0], "cast:"); ok {
		return "select " + args[0] + "::" + target
	}
	if strings.ContainsAny(f[0][:1], "+-*/<>=~!@#%^&|`?") {
		if len(args) == 1 {
			return "select " + f[0] + args[0]
		}
		return "select " + args[0] + f[0] + args[1]
	}
	switch f[0] {
	case "array_subscript":
		return "select (" + args[0] + ")[" + args[1] + "]"
	case "array_slice":
		return "select (" + args[0] + ")[" + args[1] + ":" + args[2] + "]"
	case "extract":
		typ, val, _ := strings.Cut(f[2], ":")
		return fmt.Sprintf("select extract(%s from '%s'::%s)", strings.TrimPrefix(f[1], "text:"), val, typ)
	case "position":
		return "select position(" + args[1] + " in " + args[0] + ")"
	}
	if fn.IsTable(f[0]) && !fn.IsScalar(f[0]) {
		return "select * from " + f[0] + "(" + strings.Join(args, ", ") + ")"
	}
	return "select " + f[0] + "(" + strings.Join(args, ", ") + ")"
}

func record(t *testing.T, dsn, path string, lines []string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "set timezone = '"+Zone+"'"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, l := range lines {
		in, _, _ := strings.Cut(l, " => ")
		if l == "" || l[0] == '#' {
			fmt.Fprintln(&out, l)
			continue
		}
		f := fields(in)
		fmt.Fprintf(&out, "%s => %s\n", in, Ask(ctx, conn, SQL(f)))
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Ask runs a statement and returns its result in the form of the recorded files.
func Ask(ctx context.Context, conn *pgx.Conn, sql string) string {
	rs, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		var out []string
		for rs.Next() {
			var row []string
			for _, v := range rs.RawValues() {
				if v == nil {
					row = append(row, "NULL")
				} else {
					row = append(row, quoteOdd(string(v)))
				}
			}
			out = append(out, strings.Join(row, ","))
		}
		rs.Close()
		if err = rs.Err(); err == nil {
			return strings.Join(out, " ; ")
		}
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return "!" + pe.Code + " " + pe.Message
	}
	return "!" + err.Error()
}

// Examples checks the examples of a family against a live server when TIDEMILL_RECORD is set: the
// results that specs show must be Postgres's.
func Examples(t *testing.T, families ...string) {
	dsn := os.Getenv("TIDEMILL_RECORD")
	if dsn == "" {
		t.Skip("no server")
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	want := map[string]bool{}
	for _, f := range families {
		want[f] = true
	}
	check := func(family, name string, exs []fn.Example) {
		if !want[family] {
			return
		}
		if len(exs) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, e := range exs {
			got := Ask(ctx, conn, e.SQL)
			have := quoteOdd(e.Result)
			if strings.Contains(e.Result, "\n") {
				have = strings.ReplaceAll(e.Result, "\n", " ; ")
			}
			if got != have {
				t.Errorf("%s: %s\n pg   %s\n spec %s", name, e.SQL, got, have)
			}
		}
	}
	for _, s := range fn.Scalars() {
		check(s.Family, s.Name, s.Examples)
	}
	for _, s := range fn.Tables() {
		check(s.Family, s.Name, s.Examples)
	}
}
