package slt

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// variables are what a script has kept with let, and the few that every script has. Nothing of the
// process's environment can be read by them.
type variables struct {
	on     bool // control substitution on, or a let
	path   string
	values map[string]string
}

var reference = regexp.MustCompile(`\\?\$(\{(\w+)(:[^}]*)?\}|\w+)`)

// put returns text with the values of its variables. An unknown one is left alone when it may be
// something else of SQL ($1, $$).
func (v *variables) put(text string) (string, error) {
	if !v.on || !strings.Contains(text, "$") {
		return text, nil
	}
	var missing error
	out := reference.ReplaceAllStringFunc(text, func(ref string) string {
		if strings.HasPrefix(ref, `\`) {
			return ref[1:]
		}
		m := reference.FindStringSubmatch(ref)
		name := m[2]
		if name == "" {
			name = m[1]
		}
		if val, ok := v.get(name); ok {
			return val
		}
		switch {
		case m[3] != "":
			return m[3][1:]
		case m[2] != "":
			missing = fmt.Errorf("variable %q is not set", name)
		}
		return ref
	})
	return out, missing
}

func (v *variables) get(name string) (string, bool) {
	switch name {
	case "__TEST_DIR__":
		return os.TempDir(), true
	case "__NOW__":
		return strconv.FormatInt(time.Now().UnixNano(), 10), true
	case "__TEST_SCRIPT__":
		return v.path, true
	}
	val, ok := v.values[name]
	return val, ok
}

// let keeps the first row of a result under the names "$a" or "(a, b)".
func (v *variables) let(words []string, rows [][]string) error {
	names := strings.FieldsFunc(strings.Join(words, ","), func(c rune) bool { return strings.ContainsRune("$(), ", c) })
	if len(rows) == 0 || len(rows[0]) != len(names) {
		return fmt.Errorf("let needs one row of %d values", len(names))
	}
	if v.values == nil {
		v.values = map[string]string{}
	}
	v.on = true
	for i, n := range names {
		v.values[n] = strings.Replace(rows[0][i], "(empty)", "", 1)
	}
	return nil
}
