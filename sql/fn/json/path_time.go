package json

import (
	"cmp"

	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/timefmt"
	"tidemill/sql/types"
)

// timeKind is what .datetime() has made of a string.
type timeKind uint8

const (
	pathDate timeKind = iota
	pathTime
	pathTimetz
	pathTimestamp
	pathTimestamptz
)

var timeKindNames = [...]string{"date", "time without time zone", "time with time zone", "timestamp without time zone", "timestamp with time zone"}

// pathMoment is a date or time of a path. Its item in the path is the string by which it is shown.
type pathMoment struct {
	kind timeKind
	v    int64 // days, or µs: of a time with zone by its own clock, of a timestamp with zone in UTC
	zone int   // seconds east of UTC
}

// isoTemplates are tried one after the other by .datetime() without a template.
var isoTemplates = func() (out [][]timefmt.Node) {
	add := func(t string) {
		nodes, err := timefmt.Parse(t, true)
		if err != nil {
			panic(err)
		}
		out = append(out, nodes)
	}
	zones := []string{"HH24:MI:SS.USTZH:TZM", "HH24:MI:SS.USTZH", "HH24:MI:SSTZH:TZM", "HH24:MI:SSTZH", "HH24:MI:SS.US", "HH24:MI:SS"}
	add("yyyy-mm-dd")
	for _, date := range []string{"", "yyyy-mm-dd ", `yyyy-mm-dd"T"`} {
		for _, t := range zones {
			add(date + t)
		}
	}
	return out
}()

const codeNoDatetime sqlerr.Code = "22031"

// datetime is the method .datetime([template]).
func (r *pathRun) datetime(s *pathStep, v *types.JSONValue) (*types.JSONValue, error) {
	if v.Kind != types.JSONString || r.moments[v] != nil {
		return nil, sqlerr.New(codeNoDatetime, "jsonpath item method .%s() can only be applied to a string", s.name)
	}
	templates := isoTemplates
	if s.template != nil {
		templates = [][]timefmt.Node{s.template}
	}
	var failed error
	for _, t := range templates {
		m, err := readMoment(v.Str, t)
		if err != nil {
			failed = err
			continue
		}
		out := &types.JSONValue{Kind: types.JSONString, Str: m.text()}
		if r.moments == nil {
			r.moments = map[*types.JSONValue]*pathMoment{}
		}
		r.moments[out] = &m
		return out, nil
	}
	if s.template != nil {
		return nil, failed
	}
	return nil, sqlerr.New(codeNoDatetime, "datetime format is not recognized: \"%s\"", v.Str).
		WithHint("Use a datetime template argument to specify the input data format.")
}

func readMoment(s string, template []timefmt.Node) (pathMoment, error) {
	f, err := timefmt.Read(s, template, true)
	if err != nil {
		return pathMoment{}, err
	}
	if f.Digits > 0 {
		f.Clock = types.RoundMicros(f.Clock, int32(f.Digits))
	}
	if f.HasZone && !f.Zoned {
		return pathMoment{}, sqlerr.New(sqlerr.InvalidDatetimeFormat, "missing time zone in input string for type %s",
			map[bool]string{true: "timestamptz", false: "timetz"}[f.HasDate])
	}
	switch {
	case !f.HasDate && !f.HasTime:
		return pathMoment{}, sqlerr.New(sqlerr.InvalidDatetimeFormat, "datetime format is not dated and not timed")
	case !f.HasDate && f.HasZone:
		return pathMoment{kind: pathTimetz, v: f.Clock, zone: f.Zone}, nil
	case !f.HasDate:
		return pathMoment{kind: pathTime, v: f.Clock}, nil
	case !f.HasTime && f.HasZone:
		return pathMoment{}, sqlerr.New(sqlerr.InvalidDatetimeFormat, "datetime format is zoned but not timed")
	}
	days, ok := f.Days()
	if !f.HasTime && ok {
		return pathMoment{kind: pathDate, v: days}, nil
	}
	us, ok := f.Micros()
	if !ok {
		return pathMoment{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
	}
	if f.HasZone {
		return pathMoment{kind: pathTimestamptz, v: us - int64(f.Zone)*types.MicrosPerSecond, zone: f.Zone}, nil
	}
	return pathMoment{kind: pathTimestamp, v: us}, nil
}

// text is the moment as a string of JSON.
func (m pathMoment) text() string {
	var b []byte
	switch m.kind {
	case pathDate:
		return string(types.AppendDateText(nil, m.v))
	case pathTime:
		return string(types.AppendTimeText(nil, m.v))
	case pathTimetz:
		b = types.AppendTimeText(nil, m.v)
	case pathTimestamp:
		return string(types.AppendISOText(nil, m.v))
	default:
		b = types.AppendISOText(nil, m.v+int64(m.zone)*types.MicrosPerSecond)
	}
	return string(types.AppendISOOffset(b, m.zone))
}

// compareMoments orders two moments; ok is false where they have nothing to compare by.
func (r *pathRun) compareMoments(a, b *pathMoment) (c int, ok bool) {
	if isClock := func(m *pathMoment) bool { return m.kind == pathTime || m.kind == pathTimetz }; isClock(a) != isClock(b) {
		return 0, false
	}
	if a.kind == b.kind && a.kind != pathTimetz {
		return cmp.Compare(a.v, b.v), true
	}
	if zoned := func(m *pathMoment) bool { return m.kind == pathTimetz || m.kind == pathTimestamptz }; zoned(a) != zoned(b) && r.zones == nil {
		plain, other := a, b
		if zoned(a) {
			plain, other = b, a
		}
		r.fatal = sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert value from %s to %s without time zone usage",
			shortKinds[plain.kind], shortKinds[other.kind]).WithHint("Use *_tz() function for time zone support.")
		return 0, false
	}
	x, xz := r.instant(a, b)
	y, yz := r.instant(b, a)
	if c = cmp.Compare(x, y); c == 0 && (a.kind == pathTimetz || b.kind == pathTimetz) {
		c = cmp.Compare(yz, xz) // equal instants differ by where they are told
	}
	return c, true
}

var shortKinds = [...]string{"date", "time", "timetz", "timestamp", "timestamptz"}

// instant brings m to a scale that it shares with other.
func (r *pathRun) instant(m, other *pathMoment) (v int64, zone int) {
	switch m.kind {
	case pathTime:
		if other.kind == pathTimetz {
			off, _ := types.OffsetAt(r.zones.Env.Location(), r.zones.Now)
			return m.v - int64(off)*types.MicrosPerSecond, off
		}
	case pathTimetz:
		return m.v - int64(m.zone)*types.MicrosPerSecond, m.zone
	case pathDate, pathTimestamp:
		us := m.v
		if m.kind == pathDate {
			us *= types.MicrosPerDay
		}
		if other.kind == pathTimestamptz {
			us = types.InstantMicros(us, r.zones.Env.Location())
		}
		return us, 0
	}
	return m.v, 0
}

// registerZoned registers the functions that compare moments with and without time zone.
func registerZoned(name string, args []types.Type, ret types.Type, k fn.Kernel, summary, example, result string) {
	fn.RegisterScalar(fn.Scalar{Name: name, Args: args, Ret: ret, Strict: true, Volatility: fn.Stable, Kernel: k, Family: family,
		Summary: summary, Examples: []fn.Example{{SQL: example, Result: result}}})
}
