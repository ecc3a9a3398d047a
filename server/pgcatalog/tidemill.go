package pgcatalog

import (
	"encoding/json"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/server/config"
	"tidemill/server/engine"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// tidemillRows are the relations of tidemill_catalog that only the catalog decides.
func init() {
	attach(map[string]func(*table){
		"tidemill_catalog.connectors":   connectorList,
		"tidemill_catalog.functions":    functionList,
		"tidemill_catalog.dependencies": dependencyList,
	}, false)
}

// statuses returns the engine's numbers by object.
func (t *table) statuses() map[uint32]engine.Status {
	out := map[uint32]engine.Status{}
	if api := t.sys.engine(); api != nil {
		for _, s := range api.Statuses() {
			out[s.Object.ID] = s
		}
	}
	return out
}

// options shows WITH options as jsonb, secrets left out.
func options(o *catalog.Object, m map[string]string) any {
	if len(m) == 0 {
		return nil
	}
	shown := map[string]string{}
	secret := map[string]bool{}
	if spec, err := connector.Lookup(o.Connector); err == nil {
		for _, op := range spec.Options {
			secret[op.Name] = op.Secret
		}
	}
	for k, v := range m {
		if secret[k] {
			v = "***"
		}
		shown[k] = v
	}
	raw, _ := json.Marshal(shown)
	text, err := types.CanonicalJSON(nil, raw)
	if err != nil {
		return nil
	}
	return text
}

func format(o *catalog.Object) any {
	if o.Encoding == "" {
		return nil
	}
	return o.Envelope + " " + o.Encoding
}

func (t *table) kinds(kind func(*catalog.Object) bool) []*catalog.Object {
	var out []*catalog.Object
	for _, o := range t.snap.Objects() {
		if kind(o) {
			out = append(out, o)
		}
	}
	return out
}

func sourceList(t *table) {
	st := t.statuses()
	for _, o := range t.kinds(func(o *catalog.Object) bool {
		return o.Kind != catalog.Sink && (o.Connector != "" || o.Watermark != nil)
	}) {
		s := st[o.ID]
		var late, watermark any
		if o.Watermark != nil {
			at, n, err := t.reader.EventTime(o)
			if t.err = err; at != nil {
				watermark = *at
			}
			late = n
		}
		t.row("id", o.ID, "schema", o.Schema, "name", o.Name, "connector", o.Connector, "format", format(o),
			"options", options(o, o.Options), "append_only", o.AppendOnly, "state", string(o.State), "rows", s.Rows,
			"bytes", s.Bytes, "bad_records", s.ErrorRows, "late_rows", late, "watermark", watermark,
			"position", none(s.Position), "message", none(s.Message))
	}
}

func viewList(t *table) {
	st := t.statuses()
	for _, o := range t.kinds(func(o *catalog.Object) bool {
		return o.Kind == catalog.View || o.Kind == catalog.MaterializedView
	}) {
		s := st[o.ID]
		mat := o.Kind == catalog.MaterializedView
		var state, size, entries, progress any
		if mat {
			state, size, entries, progress = string(o.State), s.StateSize, int64(s.StateRows), s.Progress
		}
		t.row("id", o.ID, "schema", o.Schema, "name", o.Name, "materialized", mat, "definition", o.Query,
			"options", options(o, o.Settings), "state", state, "state_bytes", size, "state_rows", entries, "progress", progress,
			"message", none(s.Message))
	}
}

func sinkList(t *table) {
	st := t.statuses()
	for _, o := range t.kinds(func(o *catalog.Object) bool { return o.Kind == catalog.Sink }) {
		s := st[o.ID]
		t.row("id", o.ID, "schema", o.Schema, "name", o.Name, "connector", o.Connector, "format", format(o),
			"options", options(o, o.Options), "definition", o.Query, "state", string(o.State),
			"position", none(s.Position), "message", none(s.Message))
	}
}

func jobList(t *table) {
	api := t.sys.engine()
	if api == nil {
		return
	}
	for _, s := range api.Statuses() {
		if s.Object.Kind == catalog.Table && s.Object.Connector == "" {
			continue
		}
		t.row("id", s.Object.ID, "name", s.Object.QualifiedName(), "kind", string(s.Object.Kind),
			"state", string(s.Object.State), "progress", s.Progress, "rows", s.Rows, "bytes", s.Bytes,
			"state_bytes", s.StateSize, "error_rows", s.ErrorRows, "position", none(s.Position), "message", none(s.Message))
	}
}

func viewErrors(t *table) {
	list, err := t.reader.ViewErrors()
	t.err = err
	for _, e := range list {
		t.row("view", e.View.QualifiedName(), "code", e.Code, "message", e.Message, "row", e.Row, "count", e.Count)
	}
}

func sourceErrors(t *table) {
	list, err := t.reader.SourceErrors()
	t.err = err
	for _, e := range list {
		t.row("source", e.Source.QualifiedName(), "partition", e.Partition, "position", e.Offset, "raw", e.Raw,
			"reason", e.Reason, "time", e.Time)
	}
}

func ownSettings(t *table) {
	for _, s := range config.Settings() {
		t.row("name", s.Key(), "default", s.Default, "meaning", s.Doc)
	}
}

func connectorList(t *table) {
	for _, c := range connector.All() {
		t.row("name", c.Name, "source", c.OpenReader != nil, "sink", c.OpenWriter != nil, "summary", c.Summary)
	}
}

func functionList(t *table) {
	for _, s := range fn.Scalars() {
		if s.Family != "" {
			t.row("name", s.Name, "kind", "scalar", "arguments", typeNames(s.Args), "result", s.Ret.String(),
				"volatility", map[fn.Volatility]string{fn.Immutable: "immutable", fn.Stable: "stable", fn.Volatile: "volatile"}[s.Volatility],
				"family", s.Family, "summary", s.Summary)
		}
	}
	for _, a := range fn.Aggregates() {
		t.row("name", a.Name, "kind", "aggregate", "arguments", typeNames(a.Args), "result", a.Ret.String(),
			"volatility", "immutable", "family", a.Family, "summary", a.Summary)
	}
	for _, f := range fn.Tables() {
		t.row("name", f.Name, "kind", "table", "arguments", typeNames(f.Args), "result", "setof record",
			"family", f.Family, "summary", f.Summary)
	}
}

func dependencyList(t *table) {
	for _, o := range t.snap.Objects() {
		for _, d := range o.Deps {
			name := any(nil)
			if on := t.snap.ByID(d); on != nil {
				name = on.QualifiedName()
			}
			t.row("id", o.ID, "name", o.QualifiedName(), "depends_on", d, "depends_on_name", name)
		}
	}
}
