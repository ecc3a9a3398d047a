package config

import (
	"errors"
	stdflag "flag"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// ErrHelp is returned by Load when the arguments ask for help, which has been written to its output.
var ErrHelp = stdflag.ErrHelp

// Load reads the configuration from command line arguments, the environment (env is os.LookupEnv)
// and the file that one of them names. Usage goes to out. It returns the arguments that follow the
// flags too.
func Load(args []string, env func(string) (string, bool), out io.Writer) (*Config, []string, error) {
	given := map[string]string{}
	fs := stdflag.NewFlagSet("tidemill", stdflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	file := fs.String("config", "", "")
	for i := range settings {
		s := &settings[i]
		record := func(v string) error { given[s.Name] = v; return nil }
		if s.boolean {
			fs.BoolFunc(s.Name, s.Doc, record)
		} else {
			fs.Func(s.Name, s.Doc, record)
		}
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, stdflag.ErrHelp) {
			Usage(out)
		}
		return nil, nil, err
	}
	if *file == "" {
		*file, _ = env("TIDEMILL_CONFIG")
	}
	c := Default()
	if err := c.fill(*file, env, given); err != nil {
		return nil, nil, err
	}
	return c, fs.Args(), c.Check()
}

// fill applies the sources from the weakest to the strongest.
func (c *Config) fill(file string, env func(string) (string, bool), flags map[string]string) error {
	c.File = file
	inFile := map[string]string{}
	if file != "" {
		var err error
		if inFile, err = readFile(file); err != nil {
			return err
		}
	}
	for _, s := range settings {
		v, ok := inFile[s.Key()]
		from := "file " + file
		if e, set := env(s.Env()); set {
			v, ok, from = e, true, "environment"
		}
		if f, set := flags[s.Name]; set {
			v, ok, from = f, true, "command line"
		}
		if !ok {
			continue
		}
		if err := s.set(c, v); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	return nil
}

// readFile returns the file's settings as text by key.
func readFile(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	known := map[string]bool{}
	for _, s := range settings {
		known[s.Key()] = true
	}
	out := map[string]string{}
	for k, n := range doc {
		if !known[k] {
			return nil, fmt.Errorf("configuration file %s, line %d: there is no setting %q", path, n.Line, k)
		}
		if n.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("configuration file %s, line %d: setting %q takes one value", path, n.Line, k)
		}
		out[k] = n.Value
	}
	return out, nil
}

// Usage writes the command line help.
func Usage(w io.Writer) {
	fmt.Fprintf(w, "  --config FILE\n        YAML file with the settings below as keys (max_connections: 50).\n")
	for _, s := range settings {
		arg := " VALUE"
		if s.boolean {
			arg = ""
		}
		fmt.Fprintf(w, "  --%s%s\n        %s", s.Name, arg, s.Doc)
		if s.Default != "" && !s.boolean {
			fmt.Fprintf(w, " Default %s.", s.Default)
		}
		fmt.Fprintln(w)
	}
}

// Reference returns the settings as a page in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString("# Server settings\n\nA flag wins over the environment, the environment over the file, the file over the default.\n\n")
	b.WriteString("| flag | environment | file key | default | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range settings {
		def := s.Default
		if def == "" {
			def = "(empty)"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | `%s` | `%s` | %s |\n", s.Name, s.Env(), s.Key(), def, s.Doc)
	}
	return b.String()
}
