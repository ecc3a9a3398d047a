//go:build services

package flights

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

const columns = `year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int,
	sched_arr_time int, arr_delay int, carrier text, flight int, tailnum text, origin text, dest text,
	air_time int, distance int, hour int, minute int, time_hour timestamptz`

// The views, by name, with the query that PostgreSQL answers too.
var views = []struct{ name, query string }{
	{"hourly", `SELECT carrier, time_hour, count(*) AS departures, avg(dep_delay) AS mean_delay
		FROM flights WHERE dep_time IS NOT NULL GROUP BY carrier, time_hour`},
	{"worst_routes", `SELECT origin, dest, count(*) AS flights, avg(arr_delay) AS mean_delay FROM flights
		WHERE arr_delay IS NOT NULL GROUP BY origin, dest HAVING count(*) >= 100
		ORDER BY mean_delay DESC, origin, dest LIMIT 10`},
	{"by_airline", `SELECT a.name, count(*) AS flights, sum(f.distance) AS miles, max(f.dep_delay) AS worst,
		count(DISTINCT f.tailnum) AS planes FROM flights f JOIN airlines a ON f.carrier = a.carrier GROUP BY a.name`},
	{"unknown_carriers", `SELECT f.carrier, count(*) AS n FROM flights f LEFT JOIN airlines a ON f.carrier = a.carrier
		WHERE a.name IS NULL GROUP BY f.carrier`},
}

func TestFlightsThroughKafka(t *testing.T) {
	flightsCSV, airlinesCSV := services.Flights(t)
	kafka := services.StartKafka(t)
	pg := kit.Connect(t, services.StartPostgres(t).ConnString())
	want := batchAnswers(t, pg, flightsCSV, airlinesCSV)

	records := readCSV(t, flightsCSV)
	client := producer(t, kafka.Brokers())
	p := kit.StartProcess(t)
	c := p.Conn()
	define(t, c, kafka.Brokers(), airlinesCSV)

	// The stream runs in ten parts; after each the views move, and twice the server dies on the way.
	seen := []string{}
	for part := range 10 {
		lo, hi := part*len(records)/10, (part+1)*len(records)/10
		produce(t, client, records[lo:hi])
		if part == 3 || part == 7 {
			time.Sleep(150 * time.Millisecond)
			p.Kill()
			p.Start()
			c = p.Conn()
		}
		kit.Eventually(t, time.Minute, func() error { return total(c, hi) })
		seen = append(seen, kit.Rows(t, c, "SELECT sum(departures) FROM hourly")[0])
	}
	if slices.Sort(slices.Clone(seen)); len(slices.Compact(slices.Clone(seen))) < 10 {
		t.Errorf("the view did not change with each part: %v", seen)
	}
	for _, v := range views {
		got := canonical(kit.Rows(t, c, "SELECT * FROM "+v.name))
		if !slices.Equal(got, want[v.name]) {
			t.Errorf("%s differs from PostgreSQL:\n%s", v.name, firstDifference(got, want[v.name]))
		}
		if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW "+v.name); len(diff) > 0 {
			t.Errorf("VERIFY of %s: %v", v.name, diff)
		}
	}
	t.Logf("%d flights; departures seen while streaming: %v", len(records), seen)
}

// define makes the sources and views.
func define(t *testing.T, c *pgx.Conn, brokers []string, airlinesCSV string) {
	kit.Exec(t, c,
		fmt.Sprintf(`CREATE SOURCE flights (%s) WITH (connector = 'kafka', topic = 'flights',
			properties.bootstrap.server = '%s', scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE JSON`,
			columns, strings.Join(brokers, ",")),
		fmt.Sprintf(`CREATE SOURCE airlines (carrier text, name text)
			WITH (connector = 'file', path = '%s') FORMAT PLAIN ENCODE CSV (header = 'true')`, airlinesCSV))
	for _, v := range views {
		kit.Exec(t, c, "CREATE MATERIALIZED VIEW "+v.name+" AS "+v.query)
	}
	kit.Exec(t, c, "CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n FROM flights")
}

// total tells whether all views have taken n flights: they move together, so one of them tells.
func total(c *pgx.Conn, n int) error {
	rows, err := kit.TryRows(c, "SELECT n FROM total")
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0] != fmt.Sprint(n) {
		return fmt.Errorf("%v flights arrived, want %d", rows, n)
	}
	return nil
}

// batchAnswers loads the rows into PostgreSQL and runs the views' queries there.
func batchAnswers(t *testing.T, pg *pgx.Conn, flightsCSV, airlinesCSV string) map[string][]string {
	kit.Exec(t, pg, "SET timezone = 'UTC'", "CREATE TABLE flights ("+columns+")", "CREATE TABLE airlines (carrier text, name text)")
	for table, file := range map[string]string{"flights": flightsCSV, "airlines": airlinesCSV} {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		copySQL := fmt.Sprintf("COPY %s FROM STDIN (FORMAT csv, HEADER true, NULL 'NA')", table)
		if _, err := pg.PgConn().CopyFrom(context.Background(), f, copySQL); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string][]string{}
	for _, v := range views {
		out[v.name] = canonical(kit.Rows(t, pg, v.query))
	}
	return out
}

// readCSV turns the flights into JSON records: numbers bare, NA as null.
func readCSV(t *testing.T, path string) [][]byte {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	head := all[0]
	text := map[string]bool{"carrier": true, "tailnum": true, "origin": true, "dest": true, "time_hour": true}
	var out [][]byte
	for _, row := range all[1:] {
		rec := []byte{'{'}
		for i, v := range row {
			if i > 0 {
				rec = append(rec, ',')
			}
			rec = fmt.Appendf(rec, "%q:", head[i])
			switch {
			case v == "NA":
				rec = append(rec, "null"...)
			case text[head[i]]:
				rec = fmt.Appendf(rec, "%q", v)
			default:
				rec = append(rec, v...)
			}
		}
		out = append(out, append(rec, '}'))
	}
	return out
}

func producer(t *testing.T, brokers []string) *kgo.Client {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic("flights"),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.MaxBufferedRecords(200_000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 3, 1, nil, "flights"); err != nil {
		t.Fatal(err)
	}
	return client
}

func produce(t *testing.T, client *kgo.Client, records [][]byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, r := range records {
		client.Produce(ctx, &kgo.Record{Value: r}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// canonical sorts rows and strips the trailing zeros of numerics, whose display scale is not part of
// the value.
func canonical(rows []string) []string {
	for i, line := range rows {
		cells := strings.Split(line, "|")
		for k, v := range cells {
			if strings.Contains(v, ".") && strings.Trim(v, "0123456789.-") == "" {
				cells[k] = strings.TrimRight(strings.TrimRight(v, "0"), ".")
			}
		}
		rows[i] = strings.Join(cells, "|")
	}
	slices.Sort(rows)
	return rows
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "(missing)", "(missing)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("%d rows, want %d; first difference: got %s, want %s", len(got), len(want), g, w)
		}
	}
	return "none"
}
