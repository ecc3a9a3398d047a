package admin

import (
	"fmt"
	"html/template"
	"net/http"
	"time"

	"tidemill/catalog"
)

var pageTemplate = template.Must(template.New("status").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Tidemill</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1c2733}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:2rem 0 .4rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #dde3e8}
th{font-weight:600;color:#55606b}td.n,th.n{text-align:right}.bad{color:#b3261e}.none{color:#7a8590}
</style></head><body>
<h1>Tidemill</h1>
<p>Up {{.Uptime}} · {{.Connections}} connections · {{.Epochs}} epochs · {{.Rows}} rows</p>
{{range .Groups}}<h2>{{.Title}}</h2>
{{if .Items}}<table><tr><th>name</th><th>{{.What}}</th><th class="n">rows</th><th class="n">bytes</th><th class="n">errors</th><th>position</th><th>state</th></tr>
{{range .Items}}<tr><td>{{.Name}}</td><td>{{.What}}</td><td class="n">{{.Rows}}</td><td class="n">{{.Bytes}}</td><td class="n">{{.Errors}}</td><td>{{.Position}}</td><td{{if .Bad}} class="bad"{{end}}>{{.State}}</td></tr>
{{end}}</table>{{else}}<p class="none">none</p>{{end}}
{{end}}<p class="none">Numbers since the start of the server. <a href="/metrics">metrics</a></p>
</body></html>
`))

type page struct {
	Uptime       string
	Connections  int
	Epochs, Rows uint64
	Groups       []*group
}

type group struct {
	Title, What string
	Items       []item
}

type item struct {
	Name, What, Bytes, Position, State string
	Rows, Errors                       int64
	Bad                                bool
}

// page is the status page.
func (o Options) page(w http.ResponseWriter, _ *http.Request) {
	m := o.Engine.Metrics().Read()
	p := page{Uptime: time.Since(o.Started).Round(time.Second).String(), Epochs: m.Steps, Rows: m.Rows}
	if o.Wire != nil {
		p.Connections = o.Wire.Stats().Open
	}
	sources := &group{Title: "Sources", What: "connector"}
	tables := &group{Title: "Tables", What: "kind"}
	views := &group{Title: "Materialized views", What: "progress"}
	sinks := &group{Title: "Sinks", What: "connector"}
	p.Groups = []*group{sources, tables, views, sinks}
	counts := rowCounts(o.Engine)
	for _, s := range o.Engine.Statuses() {
		it := item{Name: s.Object.QualifiedName(), What: s.Object.Connector, Rows: int64(s.Rows), Bytes: size(int64(s.Bytes)),
			Errors: s.ErrorRows, Position: cut(s.Position, 60), State: string(s.Object.State)}
		if s.Message != "" {
			it.State, it.Bad = s.Message, s.Object.State != catalog.Running
		}
		switch s.Object.Kind {
		case catalog.Source:
			sources.Items = append(sources.Items, it)
		case catalog.Table:
			it.Rows = counts[s.Object.ID]
			tables.Items = append(tables.Items, it)
		case catalog.MaterializedView:
			it.Rows, it.Bytes = counts[s.Object.ID], size(s.StateSize)
			it.What = fmt.Sprintf("%.0f %%", s.Progress*100)
			views.Items = append(views.Items, it)
		case catalog.Sink:
			sinks.Items = append(sinks.Items, it)
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	pageTemplate.Execute(w, p) //nolint:errcheck // the client is gone
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/unit, 0
	for f >= unit && i < 3 {
		f /= unit
		i++
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[i])
}
