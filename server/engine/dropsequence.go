package engine

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
)

// dropDefaults takes the defaults away that use sequences which are dropped. Without CASCADE there may
// be none but those of tables that go too.
func (e *Engine) dropDefaults(c *Caller, order, named []*catalog.Object, cascade bool) error {
	for _, o := range order {
		if o.Kind != catalog.SequenceKind {
			continue
		}
		lines, drop := e.sequenceUsers(o)
		if len(o.Deps) > 0 && !slices.Contains(named, o) { // it goes with its table
			drop()
			continue
		}
		if len(lines) > 0 && !cascade {
			return sequenceNeeded(o.Name, lines)
		}
		for _, l := range lines {
			what, _, _ := strings.Cut(l, " depends on ")
			c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %s", what)
		}
		drop()
	}
	return nil
}

func sequenceNeeded(name string, lines []string) error {
	return sqlerr.New(sqlerr.DependentObjects, "cannot drop sequence %s because other objects depend on it", parse.QuoteIdent(name)).
		WithDetail("%s", strings.Join(lines, "\n")).WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

// dropColumnSequence is DROP SEQUENCE of the one that a column takes its numbers from; done tells whether
// the name is that of such a sequence.
func (e *Engine) dropColumnSequence(c *Caller, name []string, cascade bool) (done bool, err error) {
	t, def := SequenceNamed(e.catalogNow(), c.SearchPath, name)
	if t == nil || def.Object {
		return false, nil
	}
	now := *t
	now.Columns = slices.Clone(t.Columns)
	i := slices.IndexFunc(now.Columns, func(x catalog.Column) bool { return x.Sequence == def })
	col := &now.Columns[i]
	what := "column " + parse.QuoteIdent(col.Name) + " of table " + parse.QuoteIdent(t.Name)
	if col.Identity != "" {
		return true, sqlerr.New(sqlerr.DependentObjects, "cannot drop sequence %s because %s requires it", parse.QuoteIdent(def.Name), what).
			WithHint("You can drop %s instead.", what)
	}
	if !def.Detached {
		if !cascade {
			return true, sequenceNeeded(def.Name, []string{"default value for " + what + " depends on sequence " + parse.QuoteIdent(def.Name)})
		}
		c.notice(sqlerr.SuccessfulCompletion, "drop cascades to default value for %s", what)
	}
	col.Sequence = nil
	now.Shape++
	e.put(&now)
	e.dropSequence(sequenceID{t.ID, def.Name})
	return true, nil
}
