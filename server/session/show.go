package session

import (
	"cmp"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

type object = catalog.Object

func textColumns(names ...string) []pgwire.Column {
	out := make([]pgwire.Column, len(names))
	for i, n := range names {
		out[i] = pgwire.Column{Name: n, Type: types.T(types.Text)}
	}
	return out
}

// textRows makes a result of text values.
func textRows(cols []pgwire.Column, tag string, list [][]string) *result {
	schema := make(types.Schema, len(cols))
	for i, c := range cols {
		schema[i] = types.Field{Name: c.Name, Type: c.Type}
	}
	b := rows.NewBuilder(schema, len(list))
	for _, r := range list {
		for i, v := range r {
			b.Cols[i].AppendString(v)
		}
		b.EndRow(1)
	}
	return &result{tag: tag, rows: []*rows.Batch{b.Finish()}}
}

// utilityColumns gives a statement that is not planned its result columns.
func (s *Session) utilityColumns(st *statement) error {
	switch x := st.stmt.(type) {
	case *ast.Show:
		st.cols = showColumns(x)
	case *ast.Describe:
		st.cols = describeColumns
	case *ast.Explain:
		st.cols = textColumns("QUERY PLAN")
	case *ast.Verify:
		st.cols = textColumns("difference")
	case *ast.Subscribe:
		cols, err := s.changeColumns(x)
		st.cols = cols
		return err
	case *ast.Execute:
		inner, err := s.statement(x.Name)
		if err != nil {
			return err
		}
		st.cols = inner.cols
	case *ast.Fetch:
		if x.Move {
			return nil
		}
		p, err := s.cursorByName(x.Name)
		if err != nil {
			return err
		}
		st.cols = p.cols
	}
	return nil
}

var describeColumns = textColumns("name", "type", "nullable", "default", "comment")

// showLists are the columns of SHOW's lists.
var showLists = map[string][]pgwire.Column{
	"tables":             textColumns("schema", "name", "comment"),
	"views":              textColumns("schema", "name", "comment"),
	"materialized views": textColumns("schema", "name", "state", "comment"),
	"sources":            textColumns("schema", "name", "connector", "comment"),
	"sinks":              textColumns("schema", "name", "connector", "comment"),
	"indexes":            textColumns("schema", "table", "name", "columns"),
	"schemas":            textColumns("name"),
	"databases":          textColumns("name"),
	"roles":              textColumns("name", "login", "superuser"),
	"users":              textColumns("name", "login", "superuser"),
	"cursors":            textColumns("name", "hold"),
	"jobs":               textColumns("id", "name", "kind", "state", "progress", "rows", "message"),
	"functions":          textColumns("name"),
	"connections":        textColumns("name"),
	"secrets":            textColumns("name"),
	"all":                textColumns("name", "setting", "description"),
	"columns from":       describeColumns,
}

func showColumns(x *ast.Show) []pgwire.Column {
	if c, ok := showLists[x.What]; ok {
		return c
	}
	if strings.HasPrefix(x.What, "create ") {
		return textColumns("name", "create_statement")
	}
	name := x.What
	if p := parameters[strings.ToLower(name)]; p != nil {
		name = p.Name
	}
	return textColumns(name)
}

// show is SHOW in all its forms.
func (s *Session) show(x *ast.Show) (*result, error) {
	cols := showColumns(x)
	switch {
	case x.What == "all":
		return textRows(cols, "SHOW", s.showAll()), nil
	case x.What == "columns from":
		return s.describeRelation(&ast.Describe{Pos: x.Pos, Name: x.Name})
	case strings.HasPrefix(x.What, "create "):
		return s.showCreate(x, cols)
	case showLists[x.What] != nil:
		list, err := s.showList(x)
		if err != nil {
			return nil, err
		}
		return textRows(cols, "SHOW", filterLike(list, cols, x.Like)), nil
	}
	v, ok := s.vars.show(x.What)
	if !ok {
		return nil, unrecognized(x.What)
	}
	return textRows(cols, "SHOW", [][]string{{v}}), nil
}

func (s *Session) showAll() [][]string {
	var out [][]string
	for _, p := range parameterList {
		v, _ := s.vars.show(p.Name)
		out = append(out, []string{p.Name, v, p.Doc})
	}
	return out
}

// filterLike keeps the rows whose name matches a LIKE pattern.
func filterLike(list [][]string, cols []pgwire.Column, pattern string) [][]string {
	if pattern == "" {
		return list
	}
	at := slices.IndexFunc(cols, func(c pgwire.Column) bool { return c.Name == "name" })
	return slices.DeleteFunc(list, func(r []string) bool { return at >= 0 && !like(r[at], pattern) })
}

// like matches % and _; it serves SHOW … LIKE only.
func like(s, pattern string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '%':
		for i := 0; i <= len(s); i++ {
			if like(s[i:], strings.TrimLeft(pattern, "%")) {
				return true
			}
		}
		return false
	case '_':
		return s != "" && like(s[1:], pattern[1:])
	}
	return s != "" && s[0] == pattern[0] && like(s[1:], pattern[1:])
}

func (s *Session) showList(x *ast.Show) ([][]string, error) {
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer p.release()
	if len(x.Name) > 0 && !p.Catalog.HasSchema(x.Name[len(x.Name)-1]) {
		return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", x.Name[len(x.Name)-1])
	}
	inSchema := func(o *object) bool { return len(x.Name) == 0 || o.Schema == x.Name[len(x.Name)-1] }
	var out [][]string
	add := func(v ...string) { out = append(out, v) }
	for _, o := range p.Catalog.Objects() {
		if !inSchema(o) {
			continue
		}
		switch {
		case x.What == "tables" && o.Kind == catalog.Table, x.What == "views" && o.Kind == catalog.View:
			add(o.Schema, o.Name, o.Comment)
		case x.What == "materialized views" && o.Kind == catalog.MaterializedView:
			add(o.Schema, o.Name, string(o.State), o.Comment)
		case x.What == "sources" && o.Kind == catalog.Source, x.What == "sinks" && o.Kind == catalog.Sink:
			add(o.Schema, o.Name, o.Connector, o.Comment)
		case x.What == "indexes" && len(o.PrimaryKey) > 0:
			add(o.Schema, o.Name, o.KeyName(), keyColumns(o, o.PrimaryKey))
			fallthrough
		case x.What == "indexes":
			for _, u := range o.Unique {
				add(o.Schema, o.Name, u.Name, keyColumns(o, u.Columns))
			}
		}
	}
	s.showOther(x.What, p.Catalog, add)
	slices.SortStableFunc(out, func(a, b []string) int { return cmp.Or(slices.Compare(a[:min(2, len(a))], b[:min(2, len(b))])) })
	return out, nil
}

func keyColumns(o *object, cols []int) string {
	var names []string
	for _, k := range cols {
		names = append(names, o.Columns[k].Name)
	}
	return strings.Join(names, ", ")
}

func (s *Session) showOther(what string, snap *catalog.Snapshot, add func(...string)) {
	yes := map[bool]string{true: "yes", false: "no"}
	switch what {
	case "schemas":
		for name := range snap.Schemas() {
			add(name)
		}
		for _, name := range []string{"information_schema", "pg_catalog", "tidemill_catalog"} {
			add(name)
		}
	case "databases":
		add(catalog.DefaultDatabase)
	case "roles", "users":
		for _, r := range snap.Roles() {
			add(r.Name, yes[r.Login], yes[r.Superuser])
		}
	case "cursors":
		for name, p := range s.portals {
			if p.cursor {
				add(name, yes[p.hold])
			}
		}
	case "jobs":
		for _, st := range s.m.Engine.Statuses() {
			if o := st.Object; o.Kind != catalog.Table || o.Connector != "" {
				add(itoa(int64(o.ID)), o.QualifiedName(), string(o.Kind), string(o.State),
					itoa(int(st.Progress*100))+"%", itoa(int64(st.Rows)), st.Message)
			}
		}
	}
}

func (s *Session) showCreate(x *ast.Show, cols []pgwire.Column) (*result, error) {
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer p.release()
	o, err := s.relation(p, x.Name, x.Position())
	if err != nil {
		return nil, err
	}
	if kind := strings.TrimPrefix(x.What, "create "); kind != string(o.Kind) {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%q is not a %s", o.Name, kind).
			WithHint("It is a %s.", o.Kind)
	}
	return textRows(cols, "SHOW", [][]string{{o.QualifiedName(), o.Definition}}), nil
}

// describeRelation is DESCRIBE and SHOW COLUMNS FROM.
func (s *Session) describeRelation(x *ast.Describe) (*result, error) {
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer p.release()
	var list [][]string
	yes := map[bool]string{true: "no", false: "yes"}
	o, err := s.relation(p, x.Name, x.Position())
	if err == nil {
		for i, c := range o.Columns[:o.Visible] {
			notNull := c.NotNull || slices.Contains(o.PrimaryKey, i)
			list = append(list, []string{c.Name, c.Type.String(), yes[notNull], c.Default, c.Comment})
		}
		return textRows(describeColumns, "SHOW", list), nil
	}
	schema := ""
	if len(x.Name) > 1 {
		schema = x.Name[len(x.Name)-2]
	}
	if s.m.System == nil {
		return nil, err
	}
	_, cols, ok := s.m.System.Lookup(schema, x.Name[len(x.Name)-1])
	if !ok {
		return nil, err
	}
	for _, c := range cols {
		list = append(list, []string{c.Name, c.Type.String(), yes[c.NotNull], "", ""})
	}
	return textRows(describeColumns, "SHOW", list), nil
}
