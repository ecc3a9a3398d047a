package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// benchFreshness feeds a group-by view at a fixed rate and measures, with a probe row inserted into a
// table that the same engine maintains a view over, how long a row takes from its acceptance to its
// visibility in a SELECT of another session.
func benchFreshness(rate int, length time.Duration, workers string) (*benchResult, error) {
	s, conn, stop, err := benchServer(workers)
	if err != nil {
		return nil, err
	}
	defer stop()
	ctx := context.Background()
	for _, stmt := range []string{
		fmt.Sprintf("CREATE SOURCE bid WITH (connector = 'nexmark', nexmark.table.type = 'Bid', rate = '%d')", rate),
		"CREATE MATERIALIZED VIEW load AS SELECT auction, count(*) AS n, max(price) AS top FROM bid GROUP BY auction",
		"CREATE MATERIALIZED VIEW newest AS SELECT max(date_time) AS seen, count(*) AS n FROM bid",
		"CREATE TABLE probe (id bigint PRIMARY KEY)",
		"CREATE MATERIALIZED VIEW probed AS SELECT max(id) AS id FROM probe",
	} {
		if _, err := conn.Exec(ctx, stmt); err != nil {
			return nil, err
		}
	}
	reader, err := pgx.Connect(ctx, s.URL()+"?sslmode=disable")
	if err != nil {
		return nil, err
	}
	defer reader.Close(ctx)
	var samples []float64
	for id, end := int64(1), time.Now().Add(length); time.Now().Before(end); id++ {
		accepted := time.Now()
		sent := make(chan error, 1)
		go func() {
			_, err := conn.Exec(ctx, "INSERT INTO probe VALUES ($1)", id)
			sent <- err
		}()
		for seen := int64(0); seen < id; {
			var v *int64
			if err := reader.QueryRow(ctx, "SELECT id FROM probed").Scan(&v); err != nil {
				return nil, err
			}
			if v != nil {
				seen = *v
			}
		}
		samples = append(samples, float64(time.Since(accepted).Microseconds())/1000)
		if err := <-sent; err != nil {
			return nil, err
		}
		time.Sleep(5 * time.Millisecond)
	}
	slices.Sort(samples)
	return &benchResult{
		Query: "freshness", FreshP50: samples[len(samples)/2], FreshP99: samples[len(samples)*99/100],
	}, nil
}

// startProfile starts a CPU profile when a file is named.
func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}
