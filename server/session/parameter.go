package session

import (
	_ "embed"
	"math"
	"slices"
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

// Parameter describes a run-time parameter.
type Parameter struct {
	Name     string // as SHOW ALL spells it
	Kind     string // bool, integer, real, string, enum
	Context  string // who may change it: user, superuser; internal, postmaster and sighup = nobody here
	Default  string
	Unit     string
	Min, Max string
	Values   []string
	Category string
	Doc      string
}

//go:embed parameters.txt
var parameterText string

// parameters are all parameters by lower-case name; parameterList is sorted.
var (
	parameters    = map[string]*Parameter{}
	parameterList []*Parameter
)

// extra are parameters that PostgreSQL does not list.
var extra = []Parameter{
	{Name: "is_superuser", Kind: "bool", Context: "internal", Default: "on", Category: "Preset Options", Doc: "Shows whether the current user is a superuser."},
	{Name: "session_authorization", Kind: "string", Context: "user", Category: "Ungrouped", Doc: "Sets the session user name."},
	{Name: "role", Kind: "string", Context: "user", Default: "none", Category: "Ungrouped", Doc: "Sets the current role."},
	{Name: "ssl_renegotiation_limit", Kind: "integer", Context: "user", Default: "0", Min: "0", Max: "0", Category: "Connections and Authentication / SSL", Doc: "No longer has an effect."},
}

func init() {
	for _, line := range strings.Split(parameterText, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		p := &Parameter{Name: f[0], Kind: f[1], Context: f[2], Default: f[3], Unit: f[4], Min: f[5], Max: f[6], Category: f[8], Doc: f[9]}
		if f[7] != "" {
			p.Values = strings.Split(f[7], ",")
		}
		parameters[strings.ToLower(p.Name)] = p
	}
	for i := range extra {
		parameters[extra[i].Name] = &extra[i]
	}
	for _, p := range parameters {
		parameterList = append(parameterList, p)
	}
	slices.SortFunc(parameterList, func(a, b *Parameter) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
}

// readOnly tells whether nobody can change the parameter in a session.
func (p *Parameter) readOnly() bool { return p.Context != "user" && p.Context != "superuser" }

func invalidValue(name, value string) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter %q: %q", name, value)
}

// canonical checks a value and brings it to the form that is kept: on and off, plain numbers in the
// parameter's unit, lower-case enum values.
func (p *Parameter) canonical(v string) (string, error) {
	switch p.Kind {
	case "bool":
		b, ok := parseBool(v)
		if !ok {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "parameter %q requires a Boolean value", p.Name)
		}
		if b {
			return "on", nil
		}
		return "off", nil
	case "integer", "real":
		return p.number(v)
	case "enum":
		low := strings.ToLower(v)
		if slices.Contains(p.Values, low) {
			return low, nil
		}
		if b, ok := parseBool(low); ok { // synchronous_commit = true and the like
			if word := map[bool]string{true: "on", false: "off"}[b]; slices.Contains(p.Values, word) {
				return word, nil
			}
		}
		return "", invalidValue(p.Name, v).WithHint("Available values: %s.", strings.Join(p.Values, ", "))
	}
	return v, nil
}

// parseBool reads a boolean as parameters take it: unique prefixes of the words count.
func parseBool(v string) (value, ok bool) {
	v = strings.ToLower(strings.TrimSpace(v))
	switch {
	case v == "":
		return false, false
	case v == "1" || v == "on" || strings.HasPrefix("true", v) || strings.HasPrefix("yes", v):
		return true, true
	case v == "0" || v == "of" || v == "off" || strings.HasPrefix("false", v) || strings.HasPrefix("no", v):
		return false, true
	}
	return false, false
}

// unitsOf lists the units a parameter's value may be given in, with their size in the base unit of
// their family: bytes or microseconds.
var unitsOf = []struct {
	name   string
	memory bool
	size   float64
}{
	{"TB", true, 1 << 40}, {"GB", true, 1 << 30}, {"MB", true, 1 << 20}, {"8kB", true, 8 << 10},
	{"kB", true, 1 << 10}, {"B", true, 1},
	{"d", false, 86400e6}, {"h", false, 3600e6}, {"min", false, 60e6}, {"s", false, 1e6}, {"ms", false, 1e3}, {"us", false, 1},
}

func unitSize(name string) (size float64, memory, ok bool) {
	for _, u := range unitsOf {
		if u.name == name {
			return u.size, u.memory, true
		}
	}
	return 0, false, false
}

func (p *Parameter) number(v string) (string, error) {
	text := strings.TrimSpace(v)
	end := len(text)
	for end > 0 && (text[end-1] >= 'a' && text[end-1] <= 'z' || text[end-1] >= 'A' && text[end-1] <= 'Z') {
		end--
	}
	digits, unit := strings.TrimSpace(text[:end]), text[end:]
	if strings.HasPrefix(strings.ToLower(text), "0x") {
		digits, unit = text, ""
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		i, err := strconv.ParseInt(digits, 0, 64)
		if err != nil {
			return "", invalidValue(p.Name, v)
		}
		n = float64(i)
	}
	if unit != "" {
		size, memory, ok := unitSize(unit)
		base, baseMemory, has := unitSize(p.Unit)
		if !ok || !has || memory != baseMemory {
			e := invalidValue(p.Name, v)
			if has && baseMemory {
				e.Hint = `Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".`
			} else if has {
				e.Hint = `Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".`
			}
			return "", e
		}
		n = n * size / base
	}
	if p.Kind == "integer" {
		n = math.RoundToEven(n)
	}
	low, _ := strconv.ParseFloat(p.Min, 64)
	high, err := strconv.ParseFloat(p.Max, 64)
	if err == nil && (n < low || n > high || n != n) {
		unit := ""
		if p.Unit != "" {
			unit = " " + p.Unit
		}
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "%s%s is outside the valid range for parameter %q (%s .. %s)",
			strconv.FormatFloat(n, 'g', -1, 64), unit, p.Name, p.Min, p.Max)
	}
	return strconv.FormatFloat(n, 'f', -1, 64), nil
}

// show returns a canonical value as SHOW prints it: in the largest unit without a remainder.
func (p *Parameter) show(v string) string {
	if p.Unit == "" || p.Kind == "string" {
		return v
	}
	n, err := strconv.ParseFloat(v, 64)
	base, memory, ok := unitSize(p.Unit)
	if err != nil || !ok || n <= 0 {
		return v
	}
	n *= base
	for _, u := range unitsOf {
		if u.memory != memory || u.name == "8kB" {
			continue
		}
		if q := n / u.size; q == math.Trunc(q) {
			return strconv.FormatFloat(q, 'f', -1, 64) + u.name
		}
	}
	return v
}
