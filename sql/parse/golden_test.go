package parse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemill/sql/sqlerr"
)

// TestGolden shows trees and errors for the texts of testdata. Commands: parse (trees), pos (trees
// with positions), expr, type, error.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "expr":
				// One expression a line keeps large tables short.
				var b strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					if e, err := ParseExpr(line); err != nil {
						b.WriteString(errText(err))
					} else {
						b.WriteString(dump(e) + "\n")
					}
				}
				return b.String()
			case "type":
				var b strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					if e, err := ParseType(line); err != nil {
						b.WriteString(errText(err))
					} else {
						b.WriteString(dump(e) + "\n")
					}
				}
				return b.String()
			case "each":
				// Every line is a text of its own.
				var b strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					b.WriteString(parseText(line, dump))
				}
				return b.String()
			case "pos":
				return parseText(d.Input, dumpPos)
			default:
				return parseText(d.Input, dump)
			}
		})
	})
}

func parseText(text string, dump func(any) string) string {
	list, err := Parse(text)
	if err != nil {
		return errText(err)
	}
	var b strings.Builder
	for _, p := range list {
		b.WriteString(dump(p.Stmt))
		if p.Params > 0 {
			fmt.Fprintf(&b, " params:%d", p.Params)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func errText(err error) string {
	e := sqlerr.As(err)
	s := fmt.Sprintf("ERROR %s at %d: %s\n", e.Code, e.Position, e.Message)
	if e.Hint != "" {
		s += "  hint: " + e.Hint + "\n"
	}
	return s
}
