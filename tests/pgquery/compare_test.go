package pgquery

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"

	"tidemill/tests/slt"
)

// tally counts the outcomes of a corpus and fails the test on defects.
type tally struct {
	t        *testing.T
	verdicts map[Verdict]int
	reasons  map[string]int
	examples map[string]string
	shown    int
}

func newTally(t *testing.T) *tally {
	return &tally{t: t, verdicts: map[Verdict]int{}, reasons: map[string]int{}, examples: map[string]string{}}
}

func (c *tally) add(from, text string) {
	out := Compare(text)
	c.verdicts[out.Verdict]++
	switch out.Verdict {
	case Different, Accepted:
		if c.shown++; c.shown <= 400 {
			c.t.Errorf("%s: %s\n%s\n%s\n", from, map[Verdict]string{Different: "another meaning", Accepted: "accepted"}[out.Verdict], text, out.Detail)
		}
	case Refused, NotCompared:
		key := out.Reason
		if out.Verdict == NotCompared {
			key = "not compared: " + key
		}
		if c.reasons[key]++; c.examples[key] == "" {
			c.examples[key] = text
		}
	}
}

// report prints the shares and the most frequent reasons.
func (c *tally) report(most int) {
	v := c.verdicts
	theirs := v[Same] + v[Refused] + v[NotCompared] + v[Different]
	c.t.Logf("PostgreSQL accepts %d statements: %d have the same tree, %d are not compared, %d are refused, %d MEAN SOMETHING ELSE; it refuses %d: %d of them are extensions, %d ARE ACCEPTED",
		theirs, v[Same], v[NotCompared], v[Refused], v[Different], v[BothRefuse]+v[Extension]+v[Accepted], v[Extension], v[Accepted])
	keys := make([]string, 0, len(c.reasons))
	for k := range c.reasons {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return c.reasons[keys[i]] > c.reasons[keys[j]] })
	for _, k := range keys[:min(most, len(keys))] {
		one := strings.Join(strings.Fields(c.examples[k]), " ")
		c.t.Logf("%6d %s   e.g. %s", c.reasons[k], k, one[:min(160, len(one))])
	}
}

// TestScripts compares the statements of our golden scripts and documents.
func TestScripts(t *testing.T) {
	c := newTally(t)
	files, err := filepath.Glob("../slt/testdata/*.slt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		open, err := os.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		records, _, err := slt.Parse(open)
		open.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.SQL != "" {
				c.add(filepath.Base(f), r.SQL)
			}
		}
	}
	block := regexp.MustCompile("(?s)```sql[^\n]*\n(.*?)```")
	for _, f := range []string{"../../README.md", "../../docs/sql.md", "../../docs/operations.md"} {
		doc, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(doc), -1) {
			for _, one := range statements(m[1]) {
				c.add(filepath.Base(f), one)
			}
		}
	}
	c.report(20)
}

// TestClients compares what psql and other clients send.
func TestClients(t *testing.T) {
	c := newTally(t)
	files, err := filepath.Glob("../../sql/parse/testdata/corpus/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no statements: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for one := range strings.SplitSeq(string(text), "\n----\n") {
			c.add(filepath.Base(f), one)
		}
	}
	c.report(20)
	if c.verdicts[Refused] > 0 {
		t.Error("statements of clients are refused")
	}
}

// generated is how many random statements are compared, in about 20 seconds.
const generated = 5000

// TestGenerated compares random statements, and the same with a token dropped, doubled or moved.
func TestGenerated(t *testing.T) {
	c := newTally(t)
	for seed := range int64(generated) {
		g := newGenerator(seed)
		text := g.statement()
		c.add("seed", text)
		c.add("broken seed", g.broken(text))
	}
	c.report(40)
	if n := c.verdicts[Same]; n < generated/2 {
		t.Errorf("only %d statements were compared", n)
	}
}

// TestCorpus compares the .sql files of TIDEMILL_CORPUS.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("TIDEMILL_CORPUS")
	if dir == "" {
		t.Skip("TIDEMILL_CORPUS is not set")
	}
	c := newTally(t)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".sql") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, one := range statements(string(text)) {
			c.add(filepath.Base(path), one)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.report(80)
}

var copyData = regexp.MustCompile(`(?is)(\bcopy\b[^;]*\bfrom\s+stdin\b[^;\n]*;)\n.*?\n\\\.\n`)

// statements takes a script apart, without psql's own commands and the data of COPY.
func statements(script string) []string {
	script = copyData.ReplaceAllString(script, "$1\n")
	lines := slices.DeleteFunc(strings.Split(script, "\n"), func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), `\`) })
	script = strings.Join(lines, "\n")
	parts, err := pg.SplitWithScanner(script, true)
	if err != nil {
		parts = regexp.MustCompile(`;[ \t]*(--[^\n]*)?\n`).Split(script, -1)
	}
	return slices.DeleteFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" })
}
