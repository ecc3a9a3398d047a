package session

import (
	"context"
	"strings"

	"tidemill/server/engine"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// block is the state of a transaction: one that BEGIN opened, or an implicit one around the statements
// of a message.
type block struct {
	open     bool // by BEGIN
	failed   bool
	implicit bool // several statements in one message
	now      int64
	pinned   *pin        // the epoch that all reads of the block see
	txn      *engine.Txn // its writes; nil before the first
	defined  string      // tag of a definition that took effect inside the block
	readOnly bool
	notify   []pgwire.Notification
	points   []savepoint
}

// savepoint remembers what the block had written.
type savepoint struct {
	name string
	at   engine.Savepoint
}

// pin is a Reader shared by a block and its cursors.
type pin struct {
	*engine.Reader
	n    int
	base *pin // whose snapshot it is, seen with the block's changes
}

func (p *pin) release() {
	if p.n--; p.n > 0 {
		return
	}
	if p.base != nil {
		p.base.release()
		return
	}
	p.Reader.Close()
}

// pin returns the reader for a statement: the block's own, or a fresh one. The caller releases it.
func (s *Session) pin() (*pin, error) {
	if b := &s.block; b.pinned != nil {
		b.pinned.n++
		if b.txn != nil {
			return &pin{Reader: b.txn.Reader(), n: 1, base: b.pinned}, nil
		}
		return b.pinned, nil
	}
	r, err := s.m.Engine.Reader()
	if err != nil {
		return nil, err
	}
	p := &pin{Reader: r, n: 1}
	if s.block.open && !s.block.failed {
		p.n++
		s.block.pinned = p
	}
	return p, nil
}

// drop forgets what the block has collected and lets its epoch go.
func (b *block) drop() {
	b.txn, b.notify = nil, nil
	b.unpin()
}

func (b *block) unpin() {
	if b.pinned != nil {
		b.pinned.release()
		b.pinned = nil
	}
}

// endsBlock tells whether a statement may run in a block that has failed.
func endsBlock(stmt any) bool {
	t, ok := stmt.(*ast.Transaction)
	return ok && (t.Kind == "commit" || t.Kind == "rollback" || t.Kind == "rollback to")
}

// transaction runs BEGIN, COMMIT and their relatives and returns the command tag.
func (s *Session) transaction(ctx context.Context, text string, t *ast.Transaction) (string, error) {
	switch t.Kind {
	case "begin":
		tag := "BEGIN"
		if startsWith(text, "start") {
			tag = "START TRANSACTION"
		}
		return tag, s.begin(t)
	case "commit":
		return s.commit(ctx, t)
	case "rollback":
		if !s.block.open && !s.block.implicit {
			s.warn(sqlerr.NoActiveTransaction, "there is no transaction in progress")
		}
		s.rollback()
		return "ROLLBACK", nil
	case "set transaction":
		if t.Name == "session" {
			return "SET", s.sessionModes(t.Modes)
		}
		if !s.block.open && !s.block.implicit {
			s.warn(sqlerr.NoActiveTransaction, "SET TRANSACTION can only be used in transaction blocks")
		}
		return "SET", s.modes(t.Modes)
	}
	return s.savepoint(t)
}

// startsWith tells whether a statement's text starts with a word, whatever its case.
func startsWith(text, word string) bool {
	return len(text) >= len(word) && strings.EqualFold(text[:len(word)], word)
}

func (s *Session) begin(t *ast.Transaction) error {
	if s.block.open {
		s.warn(sqlerr.ActiveTransaction, "there is already a transaction in progress")
		return nil
	}
	s.block.open = true
	s.vars.begin()
	if ro, _ := s.vars.get("default_transaction_read_only"); ro == "on" {
		s.block.readOnly = true
	}
	return s.modes(t.Modes)
}

// modes applies transaction modes; the isolation levels all give what the strongest asks of reads.
func (s *Session) modes(words []string) error {
	text := strings.ToLower(strings.Join(words, " "))
	if strings.Contains(text, "read only") {
		s.block.readOnly = true
	} else if strings.Contains(text, "read write") {
		s.block.readOnly = false
	}
	for _, level := range parameters["transaction_isolation"].Values {
		if strings.Contains(text, level) && s.vars.tracking {
			return s.vars.set("transaction_isolation", level, true)
		}
	}
	return nil
}

// sessionModes is SET SESSION CHARACTERISTICS AS TRANSACTION.
func (s *Session) sessionModes(words []string) error {
	for _, w := range words {
		name, value := "default_transaction_read_only", "off"
		switch level, ok := strings.CutPrefix(w, "isolation level "); {
		case ok:
			name, value = "default_transaction_isolation", level
		case w == "read only":
			value = "on"
		case w != "read write":
			continue
		}
		if err := s.vars.set(name, value, false); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) commit(ctx context.Context, t *ast.Transaction) (string, error) {
	if s.block.failed {
		s.rollback()
		return "ROLLBACK", nil
	}
	if len(t.Modes) > 0 {
		return "", sqlerr.Unsupported("COMMIT AND CHAIN is not supported")
	}
	if !s.block.open && !s.block.implicit {
		s.warn(sqlerr.NoActiveTransaction, "there is no transaction in progress")
		return "COMMIT", nil
	}
	err := s.applyWrites(ctx)
	if err != nil {
		s.rollback()
		return "", err
	}
	s.sendNotifications()
	s.endOfTransaction(true)
	return "COMMIT", nil
}

func (s *Session) rollback() {
	if s.block.defined != "" {
		s.notify("WARNING", sqlerr.New(sqlerr.Warning, "%s was not rolled back", s.block.defined).
			WithDetail("Statements that define objects take effect when they run."))
	}
	s.endOfTransaction(false)
}

// endOfTransaction closes what lives no longer than a transaction.
func (s *Session) endOfTransaction(commit bool) {
	for name, p := range s.portals {
		if !p.hold || !commit && p.inBlock {
			s.closePortal(name)
		} else {
			p.inBlock = false
		}
	}
	s.block.drop()
	s.block = block{}
	s.vars.end(commit)
}

// endImplicit ends the implicit transaction of a message.
func (s *Session) endImplicit(ctx context.Context) error {
	if s.block.open {
		s.block.implicit = false
		return nil
	}
	if err := s.applyWrites(ctx); err != nil {
		return err
	}
	s.sendNotifications()
	s.endOfTransaction(true)
	return nil
}

// sync serves the Sync message.
func (s *Session) sync(ctx context.Context) error {
	s.observe("idle", "")
	if s.block.open {
		return nil
	}
	return s.endImplicit(ctx)
}

// savepoint runs SAVEPOINT, RELEASE and ROLLBACK TO.
func (s *Session) savepoint(t *ast.Transaction) (string, error) {
	name := map[string]string{"savepoint": "SAVEPOINT", "release": "RELEASE SAVEPOINT", "rollback to": "ROLLBACK TO SAVEPOINT"}[t.Kind]
	if !s.block.open {
		return "", sqlerr.New(sqlerr.NoActiveTransaction, "%s can only be used in transaction blocks", name)
	}
	b := &s.block
	switch t.Kind {
	case "savepoint":
		p := savepoint{name: t.Name}
		if b.txn != nil {
			p.at = b.txn.Savepoint()
		}
		b.points = append(b.points, p)
		return "SAVEPOINT", nil
	case "release", "rollback to":
		i := len(b.points) - 1
		for i >= 0 && b.points[i].name != t.Name {
			i--
		}
		if i < 0 {
			return "", sqlerr.New("3B001", "savepoint %q does not exist", t.Name)
		}
		if t.Kind == "release" {
			b.points = b.points[:i]
			return "RELEASE", nil
		}
		if b.txn != nil {
			b.txn.Rollback(b.points[i].at)
		}
		b.points = b.points[:i+1]
		b.failed = false
		return "ROLLBACK", nil
	}
	return "", sqlerr.Unsupported("%s is not supported", t.Kind)
}
