package engine

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// reshape is what an ALTER TABLE makes of a table: a draft of its new form, where each column comes from,
// and what its rows have to be checked for.
type reshape struct {
	e        *Engine
	c        *Caller
	old, now *catalog.Object
	cols     []origin

	checkNulls []int    // columns of now
	checks     []string // names of constraints
	newKey     bool
	rewrites   bool // the rows have to be written anew
	untouched  bool
	gone       []*catalog.Object // by CASCADE, dependents first
	restart    []restart
}

// origin says where the values of a column come from: from column from of the old row, or an expression
// over it, or a sequence, or an expression over the new row.
type origin struct {
	from      int // −1 = not from a column
	expr      *expr.Expr
	numbers   bool
	generated bool
}

// restart is a change of a sequence.
type restart struct {
	old, now *catalog.Sequence
	options  *ast.SequenceOptions
}

func (e *Engine) newReshape(c *Caller, old *catalog.Object) *reshape {
	now := *old
	now.Columns, now.Unique, now.Checks = slices.Clone(old.Columns), slices.Clone(old.Unique), slices.Clone(old.Checks)
	r := &reshape{e: e, c: c, old: old, now: &now, untouched: true}
	for i := range old.Columns {
		r.cols = append(r.cols, origin{from: i})
	}
	return r
}

// touched notes that the table gets another shape.
func (r *reshape) touched() {
	if r.untouched {
		r.untouched = false
		r.now.Shape++
	}
}

func (r *reshape) planner() *planner.Context { return r.e.plannerContext(r.e.catalogNow(), r.c) }

// dropColumn is DROP COLUMN. Constraints and indexes that have the column go with it.
func (r *reshape) dropColumn(s *ast.AlterAction) error {
	name := s.Args[0]
	i := r.now.VisibleFields().Index(name)
	if i < 0 {
		if s.IfThere {
			r.c.notice(sqlerr.SuccessfulCompletion, "column %q of relation %q does not exist, skipping", name, r.now.Name)
			return nil
		}
		return r.noColumn(name)
	}
	if len(r.now.Columns) == 1 {
		return sqlerr.Unsupported("a table without columns is not supported").WithHint("Use DROP TABLE.")
	}
	if w := r.now.Watermark; w != nil && w.Column == i {
		return sqlerr.New(sqlerr.DependentObjects, "cannot drop column %s of table %s because its watermark depends on it", name, r.now.Name)
	}
	r.touched()
	what := "column " + parse.QuoteIdent(name) + " of table " + parse.QuoteIdent(r.now.Name)
	if err := r.dropGenerated(i, s.Cascade, what); err != nil {
		return err
	}
	if i = r.now.VisibleFields().Index(name); r.cols[i].from >= 0 {
		if err := r.depend(r.e.usersOf(r.c, r.old, r.cols[i].from), s.Cascade, what); err != nil {
			return err
		}
	}
	if slices.Contains(r.now.PrimaryKey, i) {
		if err := r.dependOnKey(r.now.KeyName(), s.Cascade); err != nil {
			return err
		}
	}
	r.removeColumn(i)
	return nil
}

// dropGenerated drops the generated columns that are computed from a column.
func (r *reshape) dropGenerated(i int, cascade bool, what string) error {
	name := r.now.Columns[i].Name
	var lines, names []string
	for _, c := range r.now.Columns {
		if c.Generated != "" && mentions(c.Generated, name) {
			names = append(names, c.Name)
			lines = append(lines, "column "+parse.QuoteIdent(c.Name)+" of table "+parse.QuoteIdent(r.now.Name)+" depends on "+what)
		}
	}
	if len(names) > 0 && !cascade {
		return sqlerr.New(sqlerr.DependentObjects, "cannot drop %s because other objects depend on it", what).
			WithDetail("%s", strings.Join(lines, "\n")).WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
	}
	for _, n := range names {
		r.c.notice(sqlerr.SuccessfulCompletion, "drop cascades to column %s of table %s", parse.QuoteIdent(n), parse.QuoteIdent(r.now.Name))
		if err := r.dropColumn(&ast.AlterAction{Args: []string{n}, Cascade: true}); err != nil {
			return err
		}
	}
	return nil
}

// mentions tells whether an expression names a column.
func mentions(text, name string) bool {
	e, err := parse.ParseExpr(text)
	found := err != nil
	if err == nil {
		ast.Walk(e, func(x ast.Expr) {
			c, ok := x.(*ast.ColumnRef)
			found = found || ok && c.Parts[len(c.Parts)-1] == name
		})
	}
	return found
}

// removeColumn takes a column out of the draft.
func (r *reshape) removeColumn(i int) {
	o := r.now
	r.rewrites = true
	if slices.Contains(o.PrimaryKey, i) {
		o.PrimaryKey, o.PrimaryKeyName = nil, ""
	}
	o.Unique = slices.DeleteFunc(o.Unique, func(u catalog.Unique) bool { return slices.Contains(u.Columns, i) })
	o.Checks = slices.DeleteFunc(o.Checks, func(c catalog.Check) bool {
		gone := slices.Contains(c.Cols, i)
		if gone {
			r.checks = slices.DeleteFunc(r.checks, func(n string) bool { return n == c.Name })
		}
		return gone
	})
	o.Columns = slices.Delete(slices.Clone(o.Columns), i, i+1)
	r.cols = slices.Delete(r.cols, i, i+1)
	o.Visible = len(o.Columns)
	down := func(list []int) []int {
		var out []int
		for _, c := range list {
			switch {
			case c > i:
				out = append(out, c-1)
			case c < i:
				out = append(out, c)
			}
		}
		return out
	}
	o.PrimaryKey, r.checkNulls = down(o.PrimaryKey), down(r.checkNulls)
	for k := range o.Unique {
		o.Unique[k].Columns = down(o.Unique[k].Columns)
	}
	for k := range o.Checks {
		o.Checks[k].Cols = down(o.Checks[k].Cols)
	}
	if w := o.Watermark; w != nil && w.Column > i {
		moved := *w
		moved.Column--
		o.Watermark = &moved
	}
}

// alterType is ALTER COLUMN … TYPE.
func (r *reshape) alterType(s *ast.AlterAction, i int) error {
	col := &r.now.Columns[i]
	at := r.cols[i].from
	if at < 0 || r.cols[i].expr != nil {
		return sqlerr.Unsupported("cannot alter type of column %q twice", col.Name)
	}
	if col.Generated != "" && s.Using != nil {
		return sqlerr.New(sqlerr.InvalidTableDefinition, "cannot specify USING when altering type of generated column").
			WithDetail("Column %q is a generated column.", col.Name)
	}
	to, value, err := planner.AlterType(r.planner(), r.old, at, s.Column.Type, s.Using)
	if err != nil {
		return err
	}
	if to.Equal(col.Type) && s.Using == nil {
		return nil
	}
	for _, c := range r.now.Columns {
		if c.Generated != "" && c.Name != col.Name && mentions(c.Generated, col.Name) {
			return sqlerr.Unsupported("cannot alter type of a column used by a generated column").
				WithDetail("Column %q is used by generated column %q.", col.Name, c.Name)
		}
	}
	if users := r.e.usersOf(r.c, r.old, at); len(users) > 0 {
		what := "rule _RETURN on " + describe(r.c, r.e.catalogNow(), users[0])
		if users[0].Kind == catalog.Sink {
			what = describe(r.c, r.e.catalogNow(), users[0])
		}
		return sqlerr.Unsupported("cannot alter type of a column used by a view or rule").
			WithDetail("%s depends on column %q", what, col.Name)
	}
	if w := r.now.Watermark; w != nil && w.Column == i && !to.Equal(col.Type) {
		return sqlerr.Unsupported("cannot alter type of column %q, which the watermark follows", col.Name)
	}
	before := col.Type
	col.Type = to
	if col.Sequence != nil {
		if err := r.retypeSequence(col, before); err != nil {
			return err
		}
	} else if col.Default != "" {
		if err := planner.CheckDefault(r.planner(), r.now, i, before); err != nil {
			return err
		}
	}
	r.rewrites = true
	if r.cols[i].expr = planner.Fold(r.planner(), value); col.Generated != "" {
		r.cols[i] = origin{from: -1, generated: true}
	}
	for _, c := range r.now.Checks {
		if slices.Contains(c.Cols, i) && !slices.Contains(r.checks, c.Name) {
			r.checks = append(r.checks, c.Name)
		}
	}
	if col.NotNull {
		r.checkNulls = append(r.checkNulls, i)
	}
	return nil
}

// retypeSequence lets the bounds of an identity column's sequence follow its type.
func (r *reshape) retypeSequence(col *catalog.Column, before types.Type) error {
	usual, err := planner.NewSequence(nil, nil, before)
	if err != nil {
		return err
	}
	seq := *col.Sequence
	if now, err := planner.NewSequence(nil, nil, col.Type); err != nil {
		return err
	} else if col.Identity != "" && seq.Max == usual.Max {
		seq.Max = now.Max
	}
	r.restart = append(r.restart, restart{col.Sequence, &seq, &ast.SequenceOptions{}})
	col.Sequence = &seq
	return nil
}

// finish makes the draft real, now or once the rows have been written.
func (r *reshape) finish() (*rewrite, error) {
	if r.untouched {
		return nil, nil
	}
	for _, o := range r.cols {
		r.rewrites = r.rewrites || o.from < 0 || o.expr != nil
	}
	if err := r.e.bindSequences(r.c, r.now); err != nil {
		return nil, err
	}
	rules, err := planner.BindRules(r.planner(), r.now)
	if err != nil {
		return nil, err
	}
	if r.rewrites && r.now.Watermark != nil {
		return nil, sqlerr.Unsupported("changing the columns of table %q, which has a watermark, is not supported", r.now.Name).
			WithHint("Create another table, copy the rows with INSERT … SELECT, and rename the two.")
	}
	fresh := slices.ContainsFunc(r.now.Unique, func(u catalog.Unique) bool { return u.Table == 0 })
	if !r.rewrites && !fresh && len(r.checkNulls) == 0 && len(r.checks) == 0 {
		return nil, r.apply()
	}
	return r.start(rules)
}

// apply puts the new form of the table in the place of the old one.
func (r *reshape) apply() error {
	e := r.e
	for _, x := range r.gone {
		if x = e.catalogNow().ByID(x.ID); x != nil {
			e.remove(x)
		}
	}
	switch len(r.gone) {
	case 0:
	case 1:
		r.c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %s", describe(r.c, e.cat.Load(), r.gone[0]))
	default:
		r.c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %d other objects", len(r.gone))
	}
	to := make([]int, len(r.old.Columns))
	for i := range to {
		to[i] = -1
	}
	for i, o := range r.cols {
		if o.from >= 0 {
			to[o.from] = i
		}
	}
	if len(r.cols) != len(r.old.Columns) || slices.Contains(to, -1) {
		e.fixColumns(r.old)
		if err := e.moveColumns(r.old.ID, func(c int) int { return to[c] }); err != nil {
			return err
		}
	}
	e.put(r.now)
	if err := e.addView(r.now); err != nil {
		return err
	}
	r.dropStorage()
	if err := r.sequences(); err != nil {
		return err
	}
	return r.indexes(to)
}

// dropStorage removes the store tables that the new form does not have.
func (r *reshape) dropStorage() {
	have := tablesHeld(r.now)
	var gone []uint32
	for _, t := range tablesHeld(r.old) {
		if !slices.Contains(have, t) {
			gone = append(gone, t)
		}
	}
	if len(gone) == 0 {
		return
	}
	r.e.pending.writes = append(r.e.pending.writes, func(c *state.Commit) error {
		for _, t := range gone {
			c.Writer(0).DropTable(state.SpaceView, state.TableID(t))
		}
		return nil
	})
}

// tablesHeld lists the store tables of a table's rows.
func tablesHeld(o *catalog.Object) []uint32 {
	out := []uint32{o.Storage.Table}
	for _, u := range o.Unique {
		out = append(out, u.Table)
	}
	return out
}

// indexes lets the indexes of the table follow its columns: those of a dropped column go, the others are
// filled anew if the rows lie otherwise.
func (r *reshape) indexes(to []int) error {
	e := r.e
	for _, x := range e.catalogNow().Indexes(r.now.ID) {
		index := *x
		def := *x.Index
		index.Index, def.Columns = &def, slices.Clone(def.Columns)
		gone := false
		for k := range def.Columns {
			c := &def.Columns[k]
			gone = gone || to[c.Col] < 0
			c.Col = to[c.Col]
		}
		if gone {
			e.remove(x)
			continue
		}
		index.Columns, index.Visible = r.now.Columns, r.now.Visible
		if !r.rewrites {
			e.put(&index)
			if err := e.addView(&index); err != nil {
				return err
			}
			continue
		}
		e.put(&index)
	}
	if !r.rewrites {
		return nil
	}
	return e.restartIndexes(r.now.ID)
}

// sequences carries out what ALTER COLUMN said about identity columns, and forgets those of dropped
// columns.
func (r *reshape) sequences() error {
	for _, s := range r.restart {
		if err := r.e.resetSequence(sequenceID{r.now.ID, s.now.Name}, s.now, s.options); err != nil {
			return err
		}
	}
	for _, c := range r.old.Columns {
		s := c.Sequence
		if s == nil || slices.ContainsFunc(r.now.Columns, func(n catalog.Column) bool { return n.Sequence != nil && n.Sequence.Name == s.Name }) {
			continue
		}
		r.e.dropSequence(sequenceID{r.now.ID, s.Name})
	}
	return nil
}

// lay gives the new form its store tables and returns the handles: the storage, then one per unique
// constraint; those that stay as they are, are nil.
func (r *reshape) lay() ([]*view.View, error) {
	o, e := r.now, r.e
	var out []*view.View
	if r.rewrites {
		o.Storage = &catalog.Storage{Kind: string(view.Bag), Table: e.newTable()}
		if len(o.PrimaryKey) > 0 {
			o.Storage.Kind, o.Storage.Key = string(view.Keyed), o.PrimaryKey
		}
		v, err := newView(o, e.cfg.Check)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	} else {
		out = append(out, nil)
	}
	for i := range o.Unique {
		u := &o.Unique[i]
		if u.Table != 0 && !r.rewrites {
			out = append(out, nil)
			continue
		}
		u.Table = e.newTable()
		v, err := e.uniqueView(o, u)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
