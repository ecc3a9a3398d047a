-- The flights of 2013 through Kafka. Run with psql; the variable csv is the path of flights.csv, and
-- airlines.csv lies beside it. A broker listens on 127.0.0.1:9092.

\set airlines `dirname :'csv'`/airlines.csv

-- The file into the topic: a source over the CSV file, and a sink that writes its rows as JSON.
CREATE SOURCE flights_file (
  year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int,
  sched_arr_time int, arr_delay int, carrier text, flight int, tailnum text, origin text, dest text,
  air_time int, distance int, hour int, minute int, time_hour timestamptz
) WITH (connector = 'file', path = :'csv') FORMAT PLAIN ENCODE CSV (header = 'true', "null" = 'NA');

CREATE SINK flights_out FROM flights_file
WITH (connector = 'kafka', topic = 'flights', properties.bootstrap.server = '127.0.0.1:9092', topic.create = 'true')
FORMAT PLAIN ENCODE JSON;

-- The topic into views.
CREATE SOURCE flights (
  year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int,
  sched_arr_time int, arr_delay int, carrier text, flight int, tailnum text, origin text, dest text,
  air_time int, distance int, hour int, minute int, time_hour timestamptz
) WITH (connector = 'kafka', topic = 'flights', properties.bootstrap.server = '127.0.0.1:9092')
FORMAT PLAIN ENCODE JSON;

CREATE SOURCE airlines (carrier text, name text)
WITH (connector = 'file', path = :'airlines') FORMAT PLAIN ENCODE CSV (header = 'true');

CREATE MATERIALIZED VIEW hourly AS
SELECT carrier, time_hour, count(*) AS departures, avg(dep_delay) AS mean_delay
FROM flights WHERE dep_time IS NOT NULL
GROUP BY carrier, time_hour;

CREATE MATERIALIZED VIEW worst_routes AS
SELECT origin, dest, count(*) AS flights, avg(arr_delay) AS mean_delay
FROM flights WHERE arr_delay IS NOT NULL
GROUP BY origin, dest HAVING count(*) >= 100
ORDER BY mean_delay DESC, origin, dest LIMIT 10;

CREATE MATERIALIZED VIEW by_airline AS
SELECT a.name, count(*) AS flights, sum(f.distance) AS miles, max(f.dep_delay) AS worst
FROM flights f JOIN airlines a ON f.carrier = a.carrier
GROUP BY a.name;

-- Empty at first; ask again while the topic is being read.
SELECT * FROM worst_routes ORDER BY mean_delay DESC;
