package session

import (
	"context"

	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// dispatch runs a statement that is not a query. A nil result means that the answer has been sent.
func (s *Session) dispatch(ctx context.Context, p *portal) (*result, error) {
	tag := func(tag string, err error) (*result, error) {
		if err != nil {
			return nil, err
		}
		return &result{tag: tag}, nil
	}
	if isDefinition(p.st.stmt) {
		return tag(s.define(ctx, p.st))
	}
	switch x := p.st.stmt.(type) {
	case nil:
		s.w.Empty()
		return nil, nil
	case *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge, *ast.Query:
		return s.modify(ctx, p)
	case *ast.Truncate:
		return s.truncate(ctx, x)
	case *ast.Transaction:
		return tag(s.transaction(ctx, p.st.text, x))
	case *ast.Set:
		return tag(s.setStatement(p.st.text, x))
	case *ast.Discard:
		return tag(s.discard(x))
	case *ast.Prepare:
		return tag("PREPARE", s.prepareStatement(p.st.text, x))
	case *ast.Execute:
		return s.executeStatement(ctx, p, x)
	case *ast.Deallocate:
		return tag(s.deallocate(x))
	case *ast.Declare:
		return tag("DECLARE CURSOR", s.declare(ctx, p.st.text, x))
	case *ast.Fetch:
		return s.fetch(ctx, p, x)
	case *ast.CloseCursor:
		return tag(s.closeCursor(x))
	case *ast.Copy:
		return s.copy(ctx, p.st, x)
	case *ast.Listen:
		return tag(s.listen(x))
	case *ast.Lock:
		return tag("LOCK TABLE", s.lockTables(x))
	case *ast.NoOp:
		return &result{tag: x.Tag}, nil
	}
	return s.inspect(ctx, p)
}

// inspect runs the statements that only tell something.
func (s *Session) inspect(ctx context.Context, p *portal) (*result, error) {
	switch x := p.st.stmt.(type) {
	case *ast.Show:
		return s.show(x)
	case *ast.Describe:
		return s.describeRelation(x)
	case *ast.Explain:
		return s.explain(x)
	case *ast.Verify:
		return s.verify(ctx, x)
	}
	return nil, sqlerr.Unsupported("this statement is not supported")
}

// setStatement is SET and RESET.
func (s *Session) setStatement(text string, x *ast.Set) (string, error) {
	tag := "SET"
	if startsWith(text, "reset") {
		tag = "RESET"
	}
	defer s.setIdle()
	switch {
	case x.Name == "all" && x.Value == nil:
		s.vars.resetAll()
		return tag, nil
	case x.Local && !s.block.open && !s.block.implicit:
		s.warn(sqlerr.NoActiveTransaction, "SET LOCAL can only be used in transaction blocks")
		return tag, nil
	case x.Value == nil:
		return tag, s.vars.reset(x.Name, x.Local)
	}
	if (x.Name == "role" || x.Name == "session_authorization") && *x.Value != s.user && *x.Value != "none" && *x.Value != "default" {
		return "", sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied to set role %q", *x.Value)
	}
	return tag, s.vars.set(x.Name, *x.Value, x.Local)
}

// discard is DISCARD: ALL puts the session back to where it started.
func (s *Session) discard(x *ast.Discard) (string, error) {
	switch what := upper(x.What); what {
	case "ALL":
		if s.block.open {
			return "", sqlerr.New(sqlerr.ActiveTransaction, "DISCARD ALL cannot run inside a transaction block")
		}
		for name := range s.portals {
			s.closePortal(name)
		}
		clear(s.prepared)
		s.vars.resetAll()
		s.m.unlisten(s, "")
		s.setIdle()
		return "DISCARD ALL", nil
	case "PLANS":
		for _, st := range s.prepared {
			st.planned = false
		}
		return "DISCARD PLANS", nil
	default:
		return "DISCARD " + what, nil
	}
}
