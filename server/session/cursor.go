package session

import (
	"context"

	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// declare is DECLARE CURSOR.
func (s *Session) declare(ctx context.Context, text string, x *ast.Declare) error {
	if !x.Hold && !s.block.open && !s.block.implicit {
		return sqlerr.New(sqlerr.NoActiveTransaction, "DECLARE CURSOR can only be used in transaction blocks")
	}
	if s.portals[x.Name] != nil {
		return sqlerr.New(sqlerr.DuplicateCursor, "cursor %q already exists", x.Name)
	}
	st := &statement{name: x.Name, stmt: &ast.Query{Pos: x.Pos, Select: x.Query}}
	p := &portal{name: x.Name, st: st, cursor: true, hold: x.Hold, text: text}
	if x.Binary {
		p.formats = []int16{1}
	}
	var err error
	if x.Changes == nil {
		err = s.resolve(p)
	} else if p.live, err = s.openLive(ctx, x.Changes); err == nil {
		p.cols, p.env = p.live.cols, p.live.run.Fn.Env
	}
	if err == nil {
		err = s.addPortal(p)
	}
	if err != nil {
		p.close()
	}
	return err
}

func (s *Session) cursorByName(name string) (*portal, error) {
	p := s.portals[name]
	if p == nil {
		return nil, sqlerr.New(sqlerr.InvalidCursorName, "cursor %q does not exist", name)
	}
	return p, nil
}

// fetch is FETCH and MOVE, forward only.
func (s *Session) fetch(ctx context.Context, fp *portal, x *ast.Fetch) (*result, error) {
	p, err := s.cursorByName(x.Name)
	if err != nil {
		return nil, err
	}
	wait, err := s.fetchWait(x.Options)
	if err != nil {
		return nil, err
	}
	if x.Options != nil && p.live == nil {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cursor %q has nothing to wait for", x.Name).
			WithHint("FETCH … WITH (timeout = …) is for cursors over SUBSCRIBE.")
	}
	max := x.Count // −1 = all
	if x.Direction == "next" {
		max = 1
	} else if x.Direction != "forward" && (x.Direction != "relative" || max < 0) {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "cursor can only scan forward").
			WithHint("Cursors read forward: FETCH NEXT, FETCH n or FETCH ALL.")
	}
	emit := func(b *rows.Batch, from, n int) error { return nil }
	word := "MOVE "
	if !x.Move {
		word = "FETCH "
		formats := p.formats
		if len(fp.formats) > 0 {
			formats = fp.formats
		}
		emit = func(b *rows.Batch, from, n int) error { return s.w.Rows(b, from, n, formats, &p.env) }
	}
	if !p.started {
		if err := s.lockRows(ctx, p); err != nil {
			return nil, err
		}
	}
	var n int64
	switch {
	case max == 0:
	case p.live != nil:
		n, err = p.live.take(ctx, maxRows(max), wait, emit)
	default:
		n, err = s.take(ctx, p, maxRows(max), emit)
	}
	if err != nil {
		return nil, err
	}
	s.complete(word + itoa(n))
	return nil, nil
}

func maxRows(n int64) int64 {
	if n < 0 {
		return 0
	}
	return n
}

// closeCursor is CLOSE.
func (s *Session) closeCursor(x *ast.CloseCursor) (string, error) {
	if x.Name == "" {
		for name, p := range s.portals {
			if p.cursor {
				s.closePortal(name)
			}
		}
		return "CLOSE CURSOR ALL", nil
	}
	if _, err := s.cursorByName(x.Name); err != nil {
		return "", err
	}
	s.closePortal(x.Name)
	return "CLOSE CURSOR", nil
}
