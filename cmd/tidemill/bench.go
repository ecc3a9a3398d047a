package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/catalog"
	"tidemill/connector/nexmark"
	"tidemill/server"
	"tidemill/server/config"
)

// benchResult is one measured run of a query.
type benchResult struct {
	Query  string `json:"query"`
	Events int64  `json:"events"` // Nexmark events of all tables that the sources cover
	Rows   uint64 `json:"rows"`   // rows of those that the query reads
	// Seconds is the time from CREATE MATERIALIZED VIEW until the view holds the result of all events.
	Seconds      float64 `json:"seconds"`
	EventsPerSec float64 `json:"events_per_second"`
	RowsPerSec   float64 `json:"rows_per_second"`
	CPUPerM      float64 `json:"cpu_seconds_per_million_events"`
	PeakMemory   int64   `json:"peak_memory_bytes"`
	StateBytes   int64   `json:"state_bytes"`
	ViewRows     int64   `json:"view_rows"`
	// Freshness is filled by a run at a fixed rate: from a row's acceptance to its visibility.
	FreshP50 float64 `json:"fresh_p50_ms,omitempty"`
	FreshP99 float64 `json:"fresh_p99_ms,omitempty"`
}

// bench runs "tidemill bench nexmark": each query in a process of its own, so that memory and caches
// of one do not count for the next.
func bench(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("bench nexmark", flag.ContinueOnError)
	fs.SetOutput(out)
	queries := fs.String("queries", strings.Join(nexmark.Queries(), ","), "queries to run, comma-separated")
	events := fs.Int64("events", 10_000_000, "events of all tables per query")
	workers := fs.String("workers", "0", "workers (0 = one per core)")
	fresh := fs.Bool("freshness", true, "also measure freshness at 50,000 events per second")
	jsonOut := fs.String("json", "", "write the results as JSON to this file")
	child := fs.Bool("in-process", false, "run one query in this process and print its result as JSON")
	profile := fs.String("cpuprofile", "", "with --in-process: write a CPU profile to this file")
	if len(args) == 0 || args[0] != "nexmark" {
		return fmt.Errorf("usage: tidemill bench nexmark [flags]")
	}
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	if *child {
		stop, err := startProfile(*profile)
		if err != nil {
			return err
		}
		defer stop()
		res, err := benchQuery(*queries, *events, *workers)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(res)
	}
	results, err := benchAll(strings.Split(*queries, ","), *events, *workers, out)
	if err != nil {
		return err
	}
	report := struct {
		Cores     int           `json:"cores"`
		Go        string        `json:"go"`
		Results   []benchResult `json:"results"`
		Freshness *benchResult  `json:"freshness,omitempty"`
	}{Cores: runtime.NumCPU(), Go: runtime.Version(), Results: results}
	if *fresh {
		f, err := benchFreshness(50_000, 10*time.Second, *workers)
		if err != nil {
			return err
		}
		report.Freshness = f
		fmt.Fprintf(out, "\nfreshness at 50,000 events/s: p50 %.1f ms, p99 %.1f ms\n", f.FreshP50, f.FreshP99)
	}
	if *jsonOut == "" {
		return nil
	}
	raw, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*jsonOut, append(raw, '\n'), 0o644)
}

// benchAll runs the queries one after the other and prints the table.
func benchAll(queries []string, events int64, workers string, out io.Writer) ([]benchResult, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "%-6s %12s %12s %12s %12s %10s %10s %10s\n", "query", "events/s", "rows/s", "rows", "CPU s/M ev", "peak MiB", "state MiB", "view rows")
	var results []benchResult
	for _, q := range queries {
		cmd := exec.Command(self, "bench", "nexmark", "--in-process", "--queries", q, "--events", fmt.Sprint(events), "--workers", workers)
		cmd.Stderr = os.Stderr
		raw, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
		var r benchResult
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
		if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.PeakMemory = ru.Maxrss << 10
		}
		results = append(results, r)
		fmt.Fprintf(out, "%-6s %12.0f %12.0f %12d %12.2f %10d %10d %10d\n", r.Query, r.EventsPerSec, r.RowsPerSec, r.Rows,
			r.CPUPerM, r.PeakMemory>>20, r.StateBytes>>20, r.ViewRows)
	}
	return results, nil
}

// benchServer starts a server on a temporary directory.
func benchServer(workers string) (s *server.Server, conn *pgx.Conn, stop func(), err error) {
	dir, err := os.MkdirTemp("", "tidemill-bench-")
	if err != nil {
		return nil, nil, nil, err
	}
	cfg, _, err := config.Load([]string{"--data", dir + "/data", "--listen", "127.0.0.1:0", "--http", "", "--workers", workers, "--log-level", "error"},
		func(string) (string, bool) { return "", false }, io.Discard)
	if err != nil {
		return nil, nil, nil, err
	}
	if s, err = server.Start(cfg); err != nil {
		return nil, nil, nil, err
	}
	conn, err = pgx.Connect(context.Background(), s.URL()+"?sslmode=disable")
	if err != nil {
		return nil, nil, nil, err
	}
	return s, conn, func() {
		conn.Close(context.Background())
		s.Shutdown() //nolint:errcheck // the directory goes away
		os.RemoveAll(dir)
	}, nil
}

// benchQuery runs one query over a bounded number of events.
func benchQuery(name string, events int64, workers string) (*benchResult, error) {
	sql, err := nexmark.Query(name)
	if err != nil {
		return nil, err
	}
	s, conn, stop, err := benchServer(workers)
	if err != nil {
		return nil, err
	}
	defer stop()
	ctx := context.Background()
	for _, t := range []string{"Bid", "Auction", "Person"} {
		ddl := fmt.Sprintf("CREATE SOURCE %s WITH (connector = 'nexmark', nexmark.table.type = '%s', nexmark.event.num = '%d')", strings.ToLower(t), t, events)
		if _, err := conn.Exec(ctx, ddl); err != nil {
			return nil, err
		}
	}
	cpu := cpuTime()
	start := time.Now()
	if _, err := conn.Exec(ctx, "CREATE MATERIALIZED VIEW result AS "+sql); err != nil {
		return nil, err
	}
	for !s.Engine().Drained() {
		time.Sleep(2 * time.Millisecond)
	}
	res := &benchResult{Query: name, Events: events, Seconds: time.Since(start).Seconds()}
	cpu = cpuTime() - cpu
	for _, st := range s.Engine().Statuses() {
		if st.Object.Kind == catalog.Source {
			res.Rows += st.Rows
		}
		res.StateBytes += st.StateSize
	}
	res.EventsPerSec = float64(events) / res.Seconds
	res.RowsPerSec = float64(res.Rows) / res.Seconds
	res.CPUPerM = cpu.Seconds() / float64(events) * 1e6
	return res, conn.QueryRow(ctx, "SELECT count(*) FROM result").Scan(&res.ViewRows)
}

func cpuTime() time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
