package engine

import (
	"context"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/exec/plan"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// alterAny is ALTER of everything but roles. It waits where a table's rows have to be checked or written
// anew.
func (e *Engine) alterAny(ctx context.Context, c *Caller, s *ast.Alter) error {
	ready := make(chan error, 1)
	var job *rewrite
	err := e.define(ctx, func() error {
		var err error
		if job, err = e.alter(c, s); job != nil && err == nil {
			job.wait = ready
		}
		return err
	})
	if err != nil || job == nil {
		return err
	}
	select {
	case err := <-ready:
		return err
	case <-e.stopped:
		return errShutdown()
	case <-ctx.Done():
	}
	gone := false
	err = e.submit(context.WithoutCancel(ctx), func() error {
		if gone = e.rewriting == job; gone {
			e.abandonRewrite(context.Cause(ctx))
		}
		return nil
	})
	if err != nil || gone {
		return context.Cause(ctx)
	}
	return <-ready // it was too late
}

// passes orders the actions of one ALTER TABLE, as Postgres does: what goes, types, what comes, what is
// said of it, constraints.
var passes = map[string]int{
	"drop column": 0, "drop constraint": 0, "drop not null": 0, "drop default": 0, "drop identity": 0, "drop expression": 0,
	"alter column type": 1, "add column": 2, "set default": 3, "set not null": 3, "add identity": 3, "alter identity": 3,
	"add constraint": 4,
}

// reshapes tells whether an action changes the columns or constraints of a table.
func reshapes(action string) bool { _, ok := passes[action]; return ok || action == "column storage" }

// alterTable carries out actions that change the columns and constraints of a table. The rewrite is nil
// when that is done with the coming epoch.
func (e *Engine) alterTable(c *Caller, old *catalog.Object, list []ast.AlterAction) (*rewrite, error) {
	if old.State == catalog.Creating {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "table %q is being filled", old.Name)
	}
	r := e.newReshape(c, old)
	slices.SortStableFunc(list, func(a, b ast.AlterAction) int { return passes[a.Action] - passes[b.Action] })
	for i := range list {
		if err := r.act(&list[i]); err != nil {
			return nil, err
		}
	}
	if r.now.Owner != old.Owner || r.untouched {
		e.put(r.now)
	}
	return r.finish()
}

// act carries out one action on the draft.
func (r *reshape) act(s *ast.AlterAction) error {
	switch s.Action {
	case "add column":
		return r.addColumn(s)
	case "drop column":
		return r.dropColumn(s)
	case "add constraint":
		return r.addConstraint(s)
	case "drop constraint":
		return r.dropConstraint(s)
	case "nothing":
		return nil
	case "owner":
		owner, err := roleOf(r.e.catalogNow(), r.c, s.Args[0])
		if err == nil {
			r.now.Owner = owner
		}
		return err
	case "set", "reset":
		return tableSettings(s)
	}
	i := r.now.VisibleFields().Index(s.Args[0])
	if i < 0 {
		return r.noColumn(s.Args[0])
	}
	r.now.Columns = slices.Clone(r.now.Columns)
	col := &r.now.Columns[i]
	r.touched()
	switch s.Action {
	case "alter column type":
		return r.alterType(s, i)
	case "set default", "drop default":
		return r.setDefault(s, i)
	case "set not null":
		if !col.NotNull {
			col.NotNull = true
			r.checkNulls = append(r.checkNulls, i)
		}
		return nil
	case "drop not null":
		return r.dropNotNull(i)
	case "column storage":
		return nil
	}
	return r.alterIdentity(s, i)
}

// tableSettings accepts the storage parameters of Postgres's tables, which change nothing here.
func tableSettings(s *ast.AlterAction) error {
	names := s.Args
	for _, o := range s.Options {
		names = append(names, o.Name)
	}
	for _, name := range names {
		base := strings.TrimPrefix(name, "toast.")
		known := strings.HasPrefix(base, "autovacuum_") || slices.Contains([]string{
			"fillfactor", "parallel_workers", "toast_tuple_target", "user_catalog_table", "log_autovacuum_min_duration", "vacuum_index_cleanup", "vacuum_truncate"}, base)
		if !known {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter %q", name)
		}
	}
	return nil
}

func (r *reshape) noColumn(name string) error {
	return sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", name, r.now.Name)
}

// addColumn is ADD COLUMN.
func (r *reshape) addColumn(s *ast.AlterAction) error {
	name := s.Column.Name
	if r.now.Fields().Index(name) >= 0 {
		if s.IfThere {
			r.c.notice(sqlerr.DuplicateColumn, "column %q of relation %q already exists, skipping", name, r.now.Name)
			return nil
		}
		return sqlerr.New(sqlerr.DuplicateColumn, "column %q of relation %q already exists", name, r.now.Name)
	}
	r.touched()
	value, err := planner.AddColumn(r.planner(), r.now, s)
	if err != nil {
		return err
	}
	i := len(r.now.Columns) - 1
	o := origin{from: -1, numbers: r.now.Columns[i].Sequence != nil, generated: r.now.Columns[i].Generated != ""}
	if !o.numbers && !o.generated {
		o.expr = planner.Fold(r.planner(), value)
	}
	r.cols = append(r.cols, o)
	if r.now.Columns[i].NotNull {
		r.checkNulls = append(r.checkNulls, i)
	}
	r.e.nameSequences(r.now)
	return r.constraints(s.Constraints)
}

// constraints adds constraints and notes what the rows have to be checked for.
func (r *reshape) constraints(list []ast.Constraint) error {
	before := *r.now
	if err := planner.AddConstraints(r.planner(), r.now, list); err != nil {
		return err
	}
	for _, c := range r.now.Checks[len(before.Checks):] {
		r.checks = append(r.checks, c.Name)
	}
	cat := r.e.catalogNow()
	for i := len(before.Unique); i < len(r.now.Unique); i++ {
		if u := &r.now.Unique[i]; cat.ByName(r.now.Schema, u.Name) != nil {
			return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", u.Name)
		}
	}
	if len(before.PrimaryKey) == 0 && len(r.now.PrimaryKey) > 0 {
		r.rewrites, r.newKey = true, true
		r.checkNulls = append(r.checkNulls, r.now.PrimaryKey...)
	}
	return nil
}

func (r *reshape) addConstraint(s *ast.AlterAction) error {
	r.touched()
	r.now.Columns = slices.Clone(r.now.Columns)
	return r.constraints(s.Constraints)
}

// dropConstraint is DROP CONSTRAINT.
func (r *reshape) dropConstraint(s *ast.AlterAction) error {
	name, o := s.Args[0], r.now
	if constraintNamed(o, name) == nil {
		if s.IfThere {
			r.c.notice(sqlerr.SuccessfulCompletion, "constraint %q of relation %q does not exist, skipping", name, o.Name)
			return nil
		}
		return sqlerr.New(sqlerr.UndefinedObject, "constraint %q of relation %q does not exist", name, o.Name)
	}
	r.touched()
	if len(o.PrimaryKey) > 0 && o.KeyName() == name {
		if err := r.dependOnKey(name, s.Cascade); err != nil {
			return err
		}
		o.PrimaryKey, o.PrimaryKeyName, r.rewrites = nil, "", true
		return nil
	}
	o.Unique = slices.DeleteFunc(o.Unique, func(u catalog.Unique) bool { return u.Name == name })
	o.Checks = slices.DeleteFunc(o.Checks, func(x catalog.Check) bool { return x.Name == name })
	return nil
}

// dependOnKey finds what is maintained by a table's primary key.
func (r *reshape) dependOnKey(name string, cascade bool) error {
	var users []*catalog.Object
	for _, x := range r.e.catalogNow().Dependents(r.old.ID) {
		if x.LateOf == 0 && (scanKeyed(x, r.old.ID) || x.Replacement != nil && scanKeyed(x.Replacement, r.old.ID)) {
			users = append(users, x)
		}
	}
	return r.depend(users, cascade, "constraint "+name+" on table "+r.old.Name)
}

// scanKeyed tells whether a plan relies on a key of a relation.
func scanKeyed(x *catalog.Object, id catalog.ID) bool {
	if len(x.Plan) == 0 {
		return false
	}
	p, err := decodePlan(x.Plan)
	if err != nil {
		return true
	}
	leaves, err := p.Leaves()
	return err != nil || slices.ContainsFunc(leaves, func(l plan.Leaf) bool { return l.Scan.Object == id && p.Nodes[l.Node].Key != nil })
}

// depend refuses to drop what objects depend on, or with CASCADE notes that they go too.
func (r *reshape) depend(users []*catalog.Object, cascade bool, what string) error {
	if len(users) == 0 {
		return nil
	}
	cat := r.e.catalogNow()
	if cascade {
		for _, u := range users {
			for _, x := range cat.DropOrder(u.ID) {
				if !slices.Contains(r.gone, x) {
					r.gone = append(r.gone, x)
				}
			}
		}
		return nil
	}
	var lines []string
	for _, u := range users {
		lines = append(lines, describe(r.c, cat, u)+" depends on "+what)
	}
	lines = append(lines, dependents(r.c, cat, users)...)
	return sqlerr.New(sqlerr.DependentObjects, "cannot drop %s because other objects depend on it", what).
		WithDetail("%s", strings.Join(lines, "\n")).
		WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

// setDefault is SET DEFAULT and DROP DEFAULT.
func (r *reshape) setDefault(s *ast.AlterAction, i int) error {
	col := &r.now.Columns[i]
	drop := s.Action == "drop default"
	refuse := func(what, hint string) error {
		err := sqlerr.New(sqlerr.SyntaxError, "column %q of relation %q is %s", col.Name, r.now.Name, what)
		if drop {
			err = err.WithHint("Use %s instead.", hint)
		}
		return err
	}
	switch {
	case col.Identity != "":
		return refuse("an identity column", "ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY")
	case col.Generated != "":
		return refuse("a generated column", "ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION")
	}
	if col.Sequence != nil {
		kept := *col.Sequence
		kept.Detached, col.Sequence = true, &kept
	}
	if drop {
		col.Default = ""
		return nil
	}
	return planner.SetDefault(r.planner(), col, s.Column.Default)
}

// dropNotNull is DROP NOT NULL.
func (r *reshape) dropNotNull(i int) error {
	col := &r.now.Columns[i]
	switch {
	case slices.Contains(r.now.PrimaryKey, i):
		return sqlerr.New(sqlerr.InvalidTableDefinition, "column %q is in a primary key", col.Name)
	case col.Identity != "":
		return sqlerr.New(sqlerr.SyntaxError, "column %q of relation %q is an identity column", col.Name, r.now.Name)
	case !col.NotNull:
		return nil
	}
	if at := r.cols[i].from; at >= 0 && r.old.Columns[at].NotNull {
		for _, x := range r.e.catalogNow().Dependents(r.old.ID) {
			l := readsColumn(x, r.old.ID, at)
			if x.Replacement != nil && l == nil {
				l = readsColumn(x.Replacement, r.old.ID, at)
			}
			if l != nil && x.LateOf == 0 {
				return sqlerr.Unsupported("cannot drop NOT NULL of column %q because %s %s is maintained relying on it", col.Name, x.Kind, x.Name).
					WithHint("Drop %s first, and create it again afterwards.", x.Name)
			}
		}
	}
	col.NotNull = false
	return nil
}

// alterIdentity is ADD GENERATED AS IDENTITY, SET GENERATED and its like, DROP IDENTITY, DROP EXPRESSION.
func (r *reshape) alterIdentity(s *ast.AlterAction, i int) error {
	col := &r.now.Columns[i]
	missing := func(what string) error {
		if s.IfThere {
			r.c.notice(sqlerr.SuccessfulCompletion, "column %q of relation %q is not %s, skipping", col.Name, r.now.Name, what)
			return nil
		}
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "column %q of relation %q is not %s", col.Name, r.now.Name, what)
	}
	var err error
	switch s.Action {
	case "drop expression":
		if col.Generated == "" {
			return missing("a stored generated column")
		}
		col.Generated = ""
	case "drop identity":
		if col.Identity == "" {
			return missing("an identity column")
		}
		col.Identity, col.Sequence = "", nil
	case "add identity":
		return r.addIdentity(s, col)
	case "alter identity":
		if col.Identity == "" {
			return missing("an identity column")
		}
		if s.Column.Identity != "" {
			col.Identity = s.Column.Identity
		}
		seq := col.Sequence
		if col.Sequence, err = planner.NewSequence(seq, s.Sequence, col.Type); err != nil {
			return err
		}
		r.restart = append(r.restart, restart{seq, col.Sequence, s.Sequence})
	}
	return nil
}

func (r *reshape) addIdentity(s *ast.AlterAction, col *catalog.Column) error {
	refuse := func(format string) error {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, format, col.Name, r.now.Name)
	}
	switch {
	case !col.NotNull:
		return refuse("column %q of relation %q must be declared NOT NULL before identity can be added")
	case col.Identity != "":
		return refuse("column %q of relation %q is already an identity column")
	case col.Default != "" || col.Sequence != nil && !col.Sequence.Detached:
		return refuse("column %q of relation %q already has a default value")
	}
	var err error
	if col.Sequence, err = planner.NewSequence(nil, s.Column.Sequence, col.Type); err != nil {
		return err
	}
	col.Identity = s.Column.Identity
	r.e.nameSequences(r.now)
	return nil
}
