package session

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// vars are a session's run-time parameters.
type vars struct {
	values   map[string]string // changed ones, by lower-case name
	initial  map[string]string // what RESET goes back to, where that is not Parameter.Default
	locals   map[string]string // by SET LOCAL: what to restore at the end of the block
	before   map[string]string // values at the block's start, set by the first SET in it
	tracking bool              // a block is open
	report   func(name, value string)
	explicit map[string]bool // set by the session itself
	derived
}

// derived are parsed values of parameters that are needed often.
type derived struct {
	env              types.Env
	path             []string // search_path as written
	statementTimeout time.Duration
	idleSession      time.Duration
	idleInBlock      time.Duration
	minMessages      int
}

// reported are the parameters whose changes clients are told.
var reported = []string{
	"application_name", "client_encoding", "DateStyle", "default_transaction_read_only", "in_hot_standby",
	"integer_datetimes", "IntervalStyle", "is_superuser", "server_encoding", "server_version",
	"session_authorization", "standard_conforming_strings", "TimeZone",
}

var isReported = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range reported {
		m[strings.ToLower(n)] = true
	}
	return m
}()

func newVars(report func(name, value string)) *vars {
	v := &vars{values: map[string]string{}, initial: map[string]string{}, explicit: map[string]bool{}, report: report}
	for _, name := range []string{"timezone", "datestyle", "intervalstyle", "search_path", "bytea_output", "client_min_messages"} {
		v.derive(name, parameters[name].Default)
	}
	return v
}

// get returns a parameter's canonical value.
func (v *vars) get(name string) (string, bool) {
	name = strings.ToLower(name)
	if x, ok := v.values[name]; ok {
		return x, true
	}
	if x, ok := v.initial[name]; ok {
		return x, true
	}
	if p := parameters[name]; p != nil {
		return p.Default, true
	}
	return "", false
}

// show returns a parameter's value as SHOW prints it.
func (v *vars) show(name string) (string, bool) {
	x, ok := v.get(name)
	if p := parameters[strings.ToLower(name)]; ok && p != nil {
		x = p.show(x)
	}
	return x, ok
}

func unrecognized(name string) error {
	return sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", name)
}

// setInitial sets the value that RESET goes back to.
func (v *vars) setInitial(name, value string) error {
	c, err := v.check(name, value)
	if err != nil {
		return err
	}
	name = strings.ToLower(name)
	v.initial[name] = c
	v.changed(name)
	return nil
}

// preset gives a read-only parameter its value.
func (v *vars) preset(name, value string) { v.initial[name] = value }

// set is SET name = value, or SET LOCAL.
func (v *vars) set(name, value string, local bool) error {
	c, err := v.check(name, value)
	if err != nil {
		return err
	}
	v.store(strings.ToLower(name), &c, local)
	return nil
}

// reset is SET name TO DEFAULT and RESET name.
func (v *vars) reset(name string, local bool) error {
	low := strings.ToLower(name)
	if p := parameters[low]; p == nil {
		if _, ok := v.get(low); !ok {
			return unrecognized(name)
		}
	} else if p.readOnly() {
		return sqlerr.New("55P02", "parameter %q cannot be changed", p.Name)
	}
	v.store(low, nil, local)
	return nil
}

// resetAll is RESET ALL.
func (v *vars) resetAll() {
	for _, name := range slices.Collect(maps.Keys(v.values)) {
		if name != "role" && name != "session_authorization" {
			v.store(name, nil, false)
		}
	}
}

func (v *vars) store(name string, value *string, local bool) {
	if v.tracking {
		if v.before == nil {
			v.before = maps.Clone(v.values)
		}
		old, had := v.values[name]
		_, isLocal := v.locals[name]
		if local && !isLocal {
			if v.locals == nil {
				v.locals = map[string]string{}
			}
			if !had {
				old = "\x00"
			}
			v.locals[name] = old
		} else if !local {
			delete(v.locals, name)
		}
	}
	if value == nil {
		delete(v.values, name)
	} else {
		v.values[name] = *value
	}
	v.explicit[name] = value != nil
	v.changed(name)
}

// changed brings what depends on a parameter up to date.
func (v *vars) changed(name string) {
	value, _ := v.get(name)
	v.derive(name, value)
	if isReported[name] && v.report != nil {
		v.report(parameters[name].Name, value)
	}
}

// begin starts to keep what the end of the block may have to restore.
func (v *vars) begin() { v.tracking = true }

// end finishes a block: SET LOCAL ends, and so does SET when the block is rolled back.
func (v *vars) end(commit bool) {
	if !v.tracking {
		return
	}
	v.tracking = false
	locals, before := v.locals, v.before
	v.locals, v.before = nil, nil
	if before == nil {
		return
	}
	if !commit {
		names := maps.Clone(v.values)
		maps.Copy(names, before)
		v.values = before
		for name := range names {
			v.changed(name)
		}
		return
	}
	for name, old := range locals {
		if old == "\x00" {
			delete(v.values, name)
		} else {
			v.values[name] = old
		}
		v.changed(name)
	}
}

// check tells whether name may be set to value and returns the form to keep.
func (v *vars) check(name, value string) (string, error) {
	low := strings.ToLower(name)
	p := parameters[low]
	if p == nil {
		if strings.Contains(low, ".") { // somebody's own
			return value, nil
		}
		return "", unrecognized(name)
	}
	if p.readOnly() {
		return "", sqlerr.New("55P02", "parameter %q cannot be changed", p.Name)
	}
	if low == "datestyle" {
		current, _ := v.get(low)
		return dateStyle(p, value, current)
	}
	if f := checks[low]; f != nil {
		return f(p, value)
	}
	return p.canonical(value)
}

// effectivePath returns the schemas of the search path that exist, in order, with "$user" replaced.
func (v *vars) effectivePath(snap *catalog.Snapshot, user string) []string {
	out := make([]string, 0, len(v.path))
	for _, s := range v.path {
		if s == "$user" {
			s = user
		}
		if snap.HasSchema(s) || isSystemSchema(s) {
			out = append(out, s)
		}
	}
	return out
}

func isSystemSchema(s string) bool {
	return s == "pg_catalog" || s == "information_schema" || s == "tidemill_catalog"
}
