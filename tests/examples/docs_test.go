package examples

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/parse"
	"tidemill/tests/kit"
)

// TestDocs runs what the pages show: the ```sql blocks of a page one after the other in one session. A
// ```text block behind one is what its last statement answers. Blocks marked "sql kafka" and the like
// need something outside and are only parsed.
func TestDocs(t *testing.T) {
	for _, page := range []string{"docs/sql.md", "docs/operations.md", "README.md"} {
		t.Run(filepath.Base(page), func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("..", "..", page))
			if err != nil {
				t.Fatal(err)
			}
			c := kit.Start(t).Conn()
			last := ""
			for _, b := range blocks(string(raw)) {
				switch b.kind {
				case "sql":
					for _, s := range statements(b.text) {
						last, err = shown(c, s)
						if err != nil {
							t.Errorf("line %d: %v\n%s", b.line, err, s)
						}
					}
				case "text":
					if got := strings.TrimSpace(last); got != strings.TrimSpace(b.text) {
						t.Errorf("line %d: the page shows\n%s\nand the answer is\n%s", b.line, b.text, got)
					}
				default:
					if strings.HasPrefix(b.kind, "sql ") && !strings.Contains(b.text, "…") {
						mustParse(t, b.text)
					}
				}
			}
		})
	}
}

// TestConnectorExamples parses the examples of connectors and formats.
func TestConnectorExamples(t *testing.T) {
	for _, s := range connector.All() {
		mustParse(t, s.Example)
	}
	for _, s := range format.All() {
		mustParse(t, s.Example)
	}
}

func mustParse(t *testing.T, text string) {
	t.Helper()
	if _, err := parse.Parse(text); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// block is a fenced part of a page.
type block struct {
	kind, text string
	line       int
}

func blocks(page string) []block {
	var out []block
	var open *block
	for i, l := range strings.Split(page, "\n") {
		kind, fence := strings.CutPrefix(l, "```")
		switch {
		case fence && open == nil:
			open = &block{kind: kind, line: i + 1}
		case fence:
			out, open = append(out, *open), nil
		case open != nil:
			open.text += l + "\n"
		}
	}
	return out
}

// statements cuts a block after each semicolon that ends a line.
func statements(text string) []string {
	var out []string
	for _, s := range strings.SplitAfter(text, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// shown executes a statement and returns its rows as the pages show them.
func shown(c *pgx.Conn, sql string) (string, error) {
	results, err := c.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil || len(results) == 0 {
		return "", err
	}
	var b strings.Builder
	for _, row := range results[len(results)-1].Rows {
		for i, v := range row {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.Write(v)
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
