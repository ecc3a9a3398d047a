package session

import (
	"context"
	"net"
	"strings"
	"time"

	"tidemill/catalog"
	"tidemill/server/pgcatalog"
	"tidemill/sql/ast"
	"tidemill/sql/types"
)

// functions is the session as SQL's functions and the virtual relations see it: fn.Session and
// pgcatalog.Session.
type functions Session

func (s *Session) withSession(ctx context.Context) context.Context {
	return pgcatalog.WithSession(ctx, (*functions)(s))
}

// Setting implements fn.Session.
func (f *functions) Setting(name string) (string, bool) { return f.vars.show(name) }

// SetSetting implements fn.Session.
func (f *functions) SetSetting(name, value string, local bool) error {
	return f.vars.set(name, value, local && (f.block.open || f.block.implicit))
}

// Info implements fn.Session.
func (f *functions) Info(what string) string {
	switch what {
	case "user", "session_user":
		return f.user
	case "database":
		return catalog.DefaultDatabase
	case "schema":
		if p := f.path(); len(p) > 0 {
			return p[0]
		}
		return ""
	case "search_path":
		return strings.Join(f.path(), ",")
	case "version":
		v, _ := f.vars.get("server_version")
		return "PostgreSQL " + v + " (Tidemill " + f.m.Version + ")"
	case "backend_pid":
		return itoa(int64(f.pid))
	case "client_addr", "client_port":
		return f.address(what)
	case "started":
		return types.TextOf(types.Datum{Type: types.T(types.Timestamptz), I: f.m.Started.UnixMicro()}, &f.vars.env)
	}
	return ""
}

func (f *functions) address(what string) string {
	tcp, ok := f.remote.(*net.TCPAddr)
	switch {
	case !ok:
		return ""
	case what == "client_port":
		return itoa(tcp.Port)
	}
	return tcp.IP.String()
}

func (f *functions) path() []string {
	if f.snap == nil {
		return f.vars.path
	}
	return f.vars.effectivePath(f.snap, f.user)
}

// Catalog implements fn.Session.
func (f *functions) Catalog(name string, args []types.Datum) (types.Datum, error) {
	switch name {
	case "pg_cancel_backend", "pg_terminate_backend":
		ok := false
		if w := f.m.Wire; w != nil && !args[0].Null {
			if pid := uint32(args[0].I); name == "pg_cancel_backend" {
				ok = w.Cancel(pid)
			} else {
				ok = w.Terminate(pid)
			}
		}
		return types.BoolDatum(ok), nil
	case "pg_notify":
		s := (*Session)(f)
		_, err := s.listen(&ast.Listen{Kind: "notify", Channel: string(args[0].S), Payload: string(args[1].S)})
		return types.Datum{Type: types.T(types.Void)}, err
	case "pg_sleep":
		return types.Datum{Type: types.T(types.Void)}, f.sleep(args[0].F)
	}
	if sequenceFunctions[name] {
		return f.Sequence(f.ctx, name, args)
	}
	n := &pgcatalog.Names{Snap: f.snap, Path: f.path()}
	return n.Call(name, args)
}

// sleep waits until the time is over or the statement is cancelled.
func (f *functions) sleep(seconds float64) error {
	t := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-f.ctx.Done():
		return settle(f.ctx, context.Canceled)
	}
}

// Settings implements pgcatalog.Session.
func (f *functions) Settings() []pgcatalog.Setting {
	out := make([]pgcatalog.Setting, 0, len(parameterList))
	for _, p := range parameterList {
		low := strings.ToLower(p.Name)
		v, _ := f.vars.get(low)
		reset := p.Default
		if x, ok := f.vars.initial[low]; ok {
			reset = x
		}
		_, changed := f.vars.values[low]
		out = append(out, pgcatalog.Setting{Name: p.Name, Value: v, Unit: p.Unit, Category: p.Category, Doc: p.Doc,
			Context: p.Context, Kind: p.Kind, Min: p.Min, Max: p.Max, Boot: p.Default, Reset: reset, Values: p.Values,
			Changed: changed})
	}
	return out
}

// Prepared implements pgcatalog.Session.
func (f *functions) Prepared() []pgcatalog.Prepared {
	var out []pgcatalog.Prepared
	for name, st := range f.prepared {
		if name == "" {
			continue
		}
		p := pgcatalog.Prepared{Name: name, Text: st.text, Made: time.UnixMicro(st.made), FromSQL: st.fromSQL}
		if st.fromSQL {
			p.Text = st.source
		}
		for _, t := range st.params {
			p.Types = append(p.Types, t.String())
		}
		out = append(out, p)
	}
	return out
}

// Cursors implements pgcatalog.Session.
func (f *functions) Cursors() []pgcatalog.Cursor {
	var out []pgcatalog.Cursor
	for name, p := range f.portals {
		if p.cursor {
			out = append(out, pgcatalog.Cursor{Name: name, Text: p.text, Hold: p.hold, Binary: len(p.formats) > 0})
		}
	}
	return out
}

// Activity implements pgcatalog.Session.
func (f *functions) Activity() []pgcatalog.Activity { return f.m.Activity() }
