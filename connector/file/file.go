package file

import (
	"context"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	optPath = "path"
	optMode = "mode"
	once    = "once"
	follow  = "follow"
)

func init() {
	connector.Register(connector.Spec{
		Name:    "file",
		Summary: "CSV, JSON lines or lines of text from files on the server's machine.",
		Doc: `With mode = 'once' the files that are there are read to their end, and the source is complete. With
mode = 'follow' lines that are appended and files that appear later are read too; a last line without its
line break waits for it. Files are read from where the source stopped after a restart; a file that was
truncated, replaced or removed in the meantime stops the source with an error. Directories, devices, named
pipes and sockets are refused. INCLUDE offers partition (the file's path) and offset (the byte where the
record starts).`,
		Options: []connector.Option{
			{Name: optPath, Required: true, Doc: "A file, or a pattern with *, ? and [ ] for several; relative paths start at the server's working directory."},
			{Name: optMode, Default: once, Doc: "once or follow.", Check: connector.OneOf(once, follow)},
		},
		Example: `CREATE SOURCE requests (at timestamp, path text, ms int)
WITH (connector = 'file', path = '/var/log/app/*.jsonl', mode = 'follow')
FORMAT PLAIN ENCODE JSON;`,
		NamedPartitions: true,
		Encodings:       []string{"plain json", "plain csv", "plain bytes"},
		Guarantee:       connector.ExactlyOnce,
		Check:           check,
		OpenReader:      open,
		End:             end,
	})
}

// check tells early about files that are no files. In follow mode they may come later.
func check(o *connector.Options, _ types.Schema) error {
	paths, err := list(o.Get(optPath))
	if err != nil {
		return err
	}
	if len(paths) == 0 && o.Get(optMode) == once {
		return sqlerr.New(sqlerr.UndefinedFile, "no file matches %q", o.Get(optPath)).
			WithHint("With mode = 'follow' the source waits for files.")
	}
	for _, p := range paths {
		f, err := openFile(p)
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

// list returns the files that a path or pattern names, sorted.
func list(pattern string) ([]string, error) {
	if _, err := os.Stat(pattern); err == nil || !strings.ContainsAny(pattern, `*?[`) {
		if os.IsNotExist(err) {
			return nil, nil
		}
		return []string{pattern}, nil
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%q is not a file pattern: %v", pattern, err)
	}
	sort.Strings(paths)
	return paths, nil
}

// formatOf resolves the FORMAT clause of a configuration.
func formatOf(cfg *connector.ReaderConfig) (*format.Spec, *format.Config, error) {
	fc := &format.Config{Schema: cfg.Schema, Cols: cfg.Cols, Include: cfg.Include, Env: cfg.Env, Framed: true}
	spec, err := format.ForSource(cfg.Options, fc)
	return spec, fc, err
}

// end returns the sizes of the files; in follow mode the ends of their last complete records.
func end(ctx context.Context, cfg *connector.ReaderConfig) (connector.Offset, error) {
	spec, fc, err := formatOf(cfg)
	if err != nil {
		return nil, err
	}
	paths, err := list(cfg.Options.Get(optPath))
	if err != nil {
		return nil, err
	}
	out := connector.Offset{}
	for _, p := range paths {
		at, err := endOf(ctx, cfg, spec, fc, p)
		if err != nil {
			return nil, err
		}
		out[p] = position{at: at}.String()
	}
	return out, nil
}

func endOf(ctx context.Context, cfg *connector.ReaderConfig, spec *format.Spec, fc *format.Config, path string) (int64, error) {
	f, err := openFile(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, fileError(path, err)
	}
	if cfg.Options.Get(optMode) == once {
		return info.Size(), nil
	}
	framer, err := spec.NewFramer(fc)
	if err != nil {
		return 0, err
	}
	s := &stream{path: path, f: f, framer: framer, limit: info.Size()}
	if _, lines := framer.(format.Lines); lines {
		return s.lastLine(info.Size())
	}
	if from, ok := cfg.From[path]; ok {
		p, err := parsePosition(from)
		if err != nil {
			return 0, err
		}
		s.at, s.skip = p.at, p.skip
	}
	for ctx.Err() == nil {
		if _, _, _, ok := s.next(false); ok {
			continue
		}
		if more, err := s.fill(); !more {
			return s.at, err
		}
	}
	return 0, ctx.Err()
}

// lastLine returns the position after the last line break before size.
func (s *stream) lastLine(size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(buf)))
		if _, err := s.f.ReadAt(buf[:n], size-n); err != nil {
			return 0, fileError(s.path, err)
		}
		if i := strings.LastIndexByte(string(buf[:n]), '\n'); i >= 0 {
			return size - n + int64(i) + 1, nil
		}
		size -= n
	}
	return 0, nil
}
