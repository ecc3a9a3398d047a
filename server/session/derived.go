package session

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// checks are the parameters whose values need more than their type says. They return the form kept.
var checks = map[string]func(p *Parameter, v string) (string, error){
	"timezone":        checkTimeZone,
	"log_timezone":    checkTimeZone,
	"client_encoding": checkEncoding,
	"search_path": func(p *Parameter, v string) (string, error) {
		_, err := splitIdents(v)
		return v, err
	},
	"standard_conforming_strings": func(p *Parameter, v string) (string, error) {
		c, err := p.canonical(v)
		if err == nil && c == "off" {
			return "", sqlerr.Unsupported("standard_conforming_strings = off is not supported")
		}
		return c, err
	},
	"transaction_isolation":         checkIsolation,
	"default_transaction_isolation": checkIsolation,
	"application_name": func(_ *Parameter, v string) (string, error) {
		b := []byte(v)
		for i, c := range b {
			if c < 32 || c > 126 {
				b[i] = '?'
			}
		}
		return string(b[:min(len(b), 63)]), nil
	},
}

func checkIsolation(p *Parameter, v string) (string, error) {
	return p.canonical(strings.Join(strings.Fields(v), " "))
}

// zoneOf reads a time zone as SET TIME ZONE takes it and returns its name for SHOW.
func zoneOf(v string) (*time.Location, string, error) {
	v = strings.TrimSpace(v)
	iv, interval := strings.CutPrefix(v, "INTERVAL ")
	if interval {
		v = strings.Trim(iv, "'")
	}
	if h, err := strconv.ParseFloat(v, 64); err == nil { // hours east
		if math.Abs(h) > 168 {
			return nil, "", invalidValue("TimeZone", v)
		}
		return offsetZone(int(h * 3600))
	}
	// INTERVAL '+02:00' HOUR TO MINUTE is east; the string '+02:00' is a POSIX form, which is west.
	if off, ok := clockOffset(v); ok && interval {
		return offsetZone(off)
	}
	if strings.EqualFold(v, "local") || strings.EqualFold(v, "default") {
		return time.UTC, "UTC", nil
	}
	loc, err := types.ParseZone(v)
	if err != nil {
		return nil, "", invalidValue("TimeZone", v)
	}
	name := loc.String()
	if strings.EqualFold(name, v) || strings.Contains(name, "/") {
		return loc, name, nil
	}
	return loc, v, nil
}

func offsetZone(east int) (*time.Location, string, error) {
	// As Postgres names them: <+02>-02, the POSIX form whose sign is the other way round.
	clock := func(sign bool) string {
		a := east
		s := "+"
		if (a < 0) != sign {
			s = "-"
		}
		a = max(a, -a)
		out := s + two(a/3600)
		if a%3600 != 0 {
			out += ":" + two(a/60%60)
		}
		return out
	}
	name := "<" + clock(false) + ">" + clock(true)
	return time.FixedZone(name, east), name, nil
}

func two(n int) string {
	s := strconv.Itoa(n)
	if len(s) < 2 {
		s = "0" + s
	}
	return s
}

// clockOffset reads +hh:mm[:ss].
func clockOffset(v string) (seconds int, ok bool) {
	sign := 1
	switch {
	case strings.HasPrefix(v, "+"):
		v = v[1:]
	case strings.HasPrefix(v, "-"):
		sign, v = -1, v[1:]
	}
	parts := strings.Split(v, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	unit := 3600
	for _, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || unit < 3600 && n > 59 || n > 24 && unit == 3600 {
			return 0, false
		}
		seconds += n * unit
		unit /= 60
	}
	return sign * seconds, true
}

func checkTimeZone(_ *Parameter, v string) (string, error) {
	_, name, err := zoneOf(v)
	return name, err
}

// zoneByShownName finds the zone whose name zoneOf returned.
func zoneByShownName(name string) *time.Location {
	if strings.HasPrefix(name, "<") {
		if _, posix, ok := strings.Cut(name, ">"); ok {
			if off, ok := clockOffset(posix + strings.Repeat(":00", 1-strings.Count(posix, ":"))); ok {
				return time.FixedZone(name, -off)
			}
		}
	}
	loc, err := types.ParseZone(name)
	if err != nil {
		return time.UTC
	}
	return loc
}

// dateStyle reads an output style and a field order, in any order, either or both; what is not said
// stays as it is.
func dateStyle(p *Parameter, v, current string) (string, error) {
	style, order, _ := strings.Cut(current, ", ")
	newStyle, newOrder := "", ""
	set := func(field *string, value string) bool {
		fits := *field == "" || *field == value
		*field = value
		return fits
	}
	for _, w := range strings.Split(strings.ToLower(v), ",") {
		ok := true
		switch w = strings.TrimSpace(w); {
		case w == "iso":
			ok = set(&newStyle, "ISO")
		case w == "sql":
			ok = set(&newStyle, types.StyleSQL)
		case w == "german":
			ok = set(&newStyle, types.StyleGerman)
			if newOrder == "" { // Germans begin with the day
				order = "DMY"
			}
		case strings.HasPrefix(w, "postgres"):
			ok = set(&newStyle, types.StylePostgres)
		case w == "dmy" || strings.HasPrefix(w, "euro"):
			ok = set(&newOrder, "DMY")
		case w == "mdy" || w == "us" || strings.HasPrefix(w, "noneuro"):
			ok = set(&newOrder, "MDY")
		case w == "ymd":
			ok = set(&newOrder, "YMD")
		case w == "default":
			style, order = "ISO", "MDY"
		default:
			return "", invalidValue(p.Name, v).WithDetail("Unrecognized key word: \"%s\".", w)
		}
		if !ok {
			return "", invalidValue(p.Name, v).WithDetail("Conflicting \"datestyle\" specifications.")
		}
	}
	return cmp.Or(newStyle, style, "ISO") + ", " + cmp.Or(newOrder, order, "MDY"), nil
}

func checkEncoding(p *Parameter, v string) (string, error) {
	name := strings.ToLower(strings.Trim(v, `'" `))
	name = strings.NewReplacer("-", "", "_", "", " ", "").Replace(name)
	switch name {
	case "utf8", "unicode":
		return "UTF8", nil
	case "sqlascii":
		return "SQL_ASCII", nil
	case "latin1", "iso88591", "win1252", "windows1252", "latin9", "euc_jp", "sjis", "gb18030", "gbk":
		return "", sqlerr.Unsupported("client encoding %q is not supported", v).WithHint("Only UTF8 is.")
	}
	return "", invalidValue(p.Name, v)
}

// splitIdents reads a list of identifiers as search_path has it: folded unless quoted.
func splitIdents(v string) ([]string, error) {
	var out []string
	bad := sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"search_path\": %q", v).
		WithDetail("List syntax is invalid.")
	rest := strings.TrimSpace(v)
	if rest == "" {
		return nil, nil
	}
	for {
		var name string
		if strings.HasPrefix(rest, `"`) {
			var b strings.Builder
			i := 1
			for {
				j := strings.IndexByte(rest[i:], '"')
				if j < 0 {
					return nil, bad
				}
				b.WriteString(rest[i : i+j])
				i += j + 1
				if i < len(rest) && rest[i] == '"' {
					b.WriteByte('"')
					i++
					continue
				}
				break
			}
			name, rest = b.String(), rest[i:]
		} else {
			i := strings.IndexAny(rest, ", \t\n")
			if i < 0 {
				i = len(rest)
			}
			if i == 0 {
				return nil, bad
			}
			name, rest = strings.ToLower(strings.Trim(rest[:i], "'")), rest[i:]
		}
		if name != "" {
			out = append(out, name)
		}
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return out, nil
		}
		if rest[0] != ',' {
			return nil, bad
		}
		if rest = strings.TrimSpace(rest[1:]); rest == "" {
			return nil, bad
		}
	}
}

var messageLevels = []string{"debug5", "debug4", "debug3", "debug2", "debug1", "debug", "log", "notice", "warning", "error"}

// derive brings the parsed form of a parameter up to date.
func (v *vars) derive(name, value string) {
	switch name {
	case "timezone":
		v.env.Zone = zoneByShownName(value)
	case "datestyle":
		style, order, _ := strings.Cut(value, ", ")
		v.env.DateStyle, v.env.DateOrder = strings.TrimPrefix(style, "ISO"), order
	case "intervalstyle":
		v.env.IntervalStyle = value
	case "bytea_output":
		v.env.ByteaOutput = value
	case "extra_float_digits":
		v.env.ExtraFloatDigits, _ = strconv.Atoi(value)
	case "search_path":
		v.path, _ = splitIdents(value)
	case "statement_timeout":
		v.statementTimeout = millis(value)
	case "idle_session_timeout":
		v.idleSession = millis(value)
	case "idle_in_transaction_session_timeout":
		v.idleInBlock = millis(value)
	case "client_min_messages":
		v.minMessages = slices.Index(messageLevels, value)
	}
}

func millis(v string) time.Duration {
	n, _ := strconv.ParseInt(v, 10, 64)
	return time.Duration(n) * time.Millisecond
}

// wants tells whether the client wants messages of this severity.
func (v *vars) wants(severity string) bool {
	if severity == "INFO" {
		return true
	}
	return slices.Index(messageLevels, strings.ToLower(severity)) >= v.minMessages
}
