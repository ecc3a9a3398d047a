package connector

import (
	"strings"

	"tidemill/sql/sqlerr"
)

// Role is a side of a connector.
type Role string

// The roles. AnyRole is both sides.
const (
	AnyRole    Role = ""
	SourceRole Role = "source"
	SinkRole   Role = "sink"
)

func (o *Option) fits(role Role) bool { return role == AnyRole || o.For == AnyRole || o.For == role }

// Validate checks raw WITH options against the spec, fills defaults, and returns the result.
// "connector" itself is not among raw.
func (s *Spec) Validate(raw map[string]string) (map[string]string, error) {
	return s.ValidateFor(AnyRole, raw)
}

// ValidateFor is Validate for one side of the connector: options of the other side are refused and
// their defaults left out.
func (s *Spec) ValidateFor(role Role, raw map[string]string) (map[string]string, error) {
	return ValidateOptions("connector \""+s.Name+"\"", s.Options, role, raw)
}

// ValidateOptions checks raw against a list of options and fills defaults. Owner says in errors
// whose options they are.
func ValidateOptions(owner string, options []Option, role Role, raw map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range raw {
		o := findOption(options, k)
		if o == nil {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s has no option %q", owner, k).
				WithHint("Options: %s.", optionNames(options, role))
		}
		if !o.fits(role) {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "option %q of %s is for a %s", k, owner, o.For)
		}
		if o.Check != nil {
			if err := o.Check(v); err != nil {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %v", k, err)
			}
		}
		out[k] = v
	}
	for _, o := range options {
		if o.Prefix || !o.fits(role) {
			continue
		}
		if _, ok := out[o.Name]; ok {
			continue
		}
		if o.Required {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s needs option %q", owner, o.Name).
				WithHint("Write %s = '…': %s", o.Name, o.Doc)
		}
		if o.Default != "" {
			out[o.Name] = o.Default
		}
	}
	return out, nil
}

func findOption(options []Option, name string) *Option {
	for i := range options {
		o := &options[i]
		if o.Name == name || o.Prefix && len(name) > len(o.Name) && strings.HasPrefix(name, o.Name) {
			return o
		}
	}
	return nil
}

func optionNames(options []Option, role Role) string {
	var out []string
	for _, o := range options {
		if !o.fits(role) {
			continue
		}
		if o.Prefix {
			out = append(out, o.Name+"*")
		} else {
			out = append(out, o.Name)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}
