package connector

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// OneOf returns an option check that accepts the given words only.
func OneOf(words ...string) func(string) error {
	return func(v string) error {
		for _, w := range words {
			if v == w {
				return nil
			}
		}
		return fmt.Errorf("%q is not one of %s", v, strings.Join(words, ", "))
	}
}

// IntBetween returns an option check that accepts whole numbers from min to max.
func IntBetween(min, max int64) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < min || n > max {
			return fmt.Errorf("%q is not a whole number from %d to %d", v, min, max)
		}
		return nil
	}
}

// NumberBetween returns an option check that accepts decimal numbers from min to max.
func NumberBetween(min, max float64) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || !(n >= min && n <= max) {
			return fmt.Errorf("%q is not a number from %g to %g", v, min, max)
		}
		return nil
	}
}

// Boolean is an option check that accepts true and false.
func Boolean(v string) error { return OneOf("true", "false")(v) }

// BaseTime is an option check that accepts what ParseBaseTime does.
func BaseTime(v string) error {
	_, err := ParseBaseTime(v)
	return err
}

// ParseBaseTime reads the start time of a generator, "now" or a UTC time, as microseconds since 1970.
func ParseBaseTime(v string) (int64, error) {
	if v == "now" {
		return time.Now().UnixMicro(), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999", time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UnixMicro(), nil
		}
	}
	return 0, fmt.Errorf("%q is neither 'now' nor a time such as '2024-01-01 00:00:00' (UTC)", v)
}

// Int returns an option that has passed an IntBetween check; 0 when it is absent.
func (o *Options) Int(name string) int64 {
	n, _ := strconv.ParseInt(o.Values[name], 10, 64) // checked by IntBetween
	return n
}

// Float returns an option that has passed a NumberBetween check; 0 when it is absent.
func (o *Options) Float(name string) float64 {
	n, _ := strconv.ParseFloat(o.Values[name], 64) // checked by NumberBetween
	return n
}

// Bool tells whether an option is "true".
func (o *Options) Bool(name string) bool { return o.Values[name] == "true" }
