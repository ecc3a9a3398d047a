package kafka

import (
	"math"
	"strings"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	optTopic       = "topic"
	optServer      = "properties.bootstrap.server"
	optMode        = "scan.startup.mode"
	optMillis      = "scan.startup.timestamp.millis"
	optType        = "type"
	optKey         = "primary_key"
	optForce       = "force_append_only"
	optDelivery    = "delivery"
	optProgress    = "progress.topic"
	optCreate      = "topic.create"
	optPartitions  = "topic.partitions"
	optReplication = "topic.replication.factor"

	modeEarliest  = "earliest"
	modeLatest    = "latest"
	modeTimestamp = "timestamp"

	typeAppend = "append-only"
	typeUpsert = "upsert"

	exactlyOnce = "exactly_once"
	atLeastOnce = "at_least_once"
)

func init() {
	connector.Register(connector.Spec{
		Name:    "kafka",
		Summary: "Topics of Apache Kafka and of brokers that speak its protocol.",
		Doc: `As a source it reads committed records of all partitions of a topic, partitions that are added later
included (from their first record on). INCLUDE offers key, partition, offset, timestamp and headers. While
brokers cannot be reached or the topic does not exist, the source waits and says so in its status. It stops
with an error when records were lost before it read them (removed by retention, log cut) and when the topic
was deleted or made anew. A record with a NULL value is a bad record.

As a sink it writes a transaction per commit, with the sink's progress in progress.topic (which it creates,
one compacted partition), so that consumers with isolation.level = read_committed see each change once.
With delivery = 'at_least_once' there are no transactions and no progress topic, and a crash can repeat
changes. type = 'append-only' sends each new row and needs a query without updates and deletions; 'upsert'
sends the row with its primary_key as JSON key, and for a deleted row the key with a NULL value.`,
		Options:       options(),
		Encodings:     []string{"plain json", "plain csv", "plain bytes"},
		SinkEncodings: []string{"plain json", "upsert json"},
		Guarantee:     connector.ExactlyOnce,
		Example: `CREATE SOURCE bid (auction bigint, price bigint, date_time timestamp) INCLUDE partition INCLUDE offset
WITH (connector = 'kafka', topic = 'bid', properties.bootstrap.server = 'localhost:9092', scan.startup.mode = 'earliest')
FORMAT PLAIN ENCODE JSON;

CREATE SINK totals FROM totals_view
WITH (connector = 'kafka', topic = 'totals', properties.bootstrap.server = 'localhost:9092', type = 'upsert', primary_key = 'auction')
FORMAT UPSERT ENCODE JSON;`,
		Check:      check,
		FromStart:  func(o *connector.Options) bool { return o.Get(optMode) != modeLatest },
		OpenReader: openReader, Partitioned: true,
		End:        end,
		OpenWriter: openWriter,
	})
}

func options() []connector.Option {
	src, snk := connector.SourceRole, connector.SinkRole
	return []connector.Option{
		{Name: optTopic, Required: true, Doc: "The topic."},
		{Name: optServer, Doc: "Brokers to ask first: host:port, several with commas. Required; properties.bootstrap.servers is the same."},
		{Name: optMode, For: src, Default: modeEarliest, Check: connector.OneOf(modeEarliest, modeLatest, modeTimestamp),
			Doc: "Where to start: earliest, latest (what is written from now on), timestamp."},
		{Name: optMillis, For: src, Check: connector.IntBetween(0, math.MaxInt64/1000),
			Doc: "With scan.startup.mode = timestamp: start at records of this time, milliseconds since 1970."},
		{Name: optType, For: snk, Check: connector.OneOf(typeAppend, typeUpsert),
			Doc: "append-only or upsert. Default: what FORMAT says (PLAIN is append-only)."},
		{Name: optKey, For: snk, Doc: "Columns of the message key, separated by commas. Default for upsert: the key of the query."},
		{Name: optForce, For: snk, Default: "false", Check: connector.Boolean,
			Doc: "With append-only: drop updates and deletions of a query that has them (the new row of an update is sent)."},
		{Name: optDelivery, For: snk, Default: exactlyOnce, Check: connector.OneOf(exactlyOnce, atLeastOnce),
			Doc: "exactly_once (transactions) or at_least_once."},
		{Name: optProgress, For: snk, Default: "tidemill-sink-progress", Doc: "The topic that holds the sink's progress."},
		{Name: optCreate, For: snk, Default: "false", Check: connector.Boolean, Doc: "Create the topic when it does not exist."},
		{Name: optPartitions, For: snk, Default: "-1", Check: connector.IntBetween(-1, 100_000), Doc: "Partitions of a created topic; -1 = the broker's default."},
		{Name: optReplication, For: snk, Default: "-1", Check: connector.IntBetween(-1, 100),
			Doc: "Replicas of created topics; -1 = the broker's default."},
		{Name: "properties.sasl.password", Secret: true, Doc: "Password for SASL."},
		{Name: "properties.ssl.key.pem", Secret: true, Doc: "The client's private key in PEM form."},
		{Name: "properties.", Prefix: true, Doc: "Settings of Kafka clients: " + knownProperties() + "."},
	}
}

// check validates what can be known without a broker.
func check(o *connector.Options, schema types.Schema) error {
	if _, err := parseProperties(o); err != nil {
		return err
	}
	if o.Get(optMode) == modeTimestamp && o.Get(optMillis) == "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s = 'timestamp' needs option %q", optMode, optMillis)
	}
	if t := o.Get(optTopic); len(t) > 249 || t == "." || t == ".." || strings.Trim(t, topicChars) != "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "%q is not a topic name", t).
			WithHint("Kafka's topic names have up to 249 ASCII letters, digits, dots, underscores and hyphens.")
	}
	return nil
}

const topicChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// decoderOf makes the decoder for a source.
func decoderOf(cfg *connector.ReaderConfig) (format.Decoder, error) {
	fc := &format.Config{Schema: cfg.Schema, Cols: cfg.Cols, Include: cfg.Include, Env: cfg.Env}
	spec, err := format.ForSource(cfg.Options, fc)
	if err != nil {
		return nil, err
	}
	return spec.NewDecoder(fc)
}
