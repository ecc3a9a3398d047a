package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"tidemill/connector"
	"tidemill/sql/sqlerr"
)

// settings are the properties.* options, read.
type settings struct {
	servers     []string
	tls         bool
	sasl        bool
	mechanism   string
	user, pass  string
	ca, cert    string // PEM
	key         string
	noVerify    bool
	serverName  bool // verify the host name
	uncommitted bool
	metadataAge time.Duration
	opts        []kgo.Opt
}

// property is one of Kafka's client settings that we take.
type property struct {
	set func(s *settings, v string) error
}

const (
	fetchBytesMax     = 16 << 20  // per broker and request
	partitionBytesMax = 1 << 20   // per partition and request, unless one batch is bigger
	batchBytesMax     = 256 << 20 // of a batch after decompression
)

var properties = map[string]property{
	"bootstrap.server":         {set: setServers},
	"bootstrap.servers":        {set: setServers},
	"security.protocol":        {set: setProtocol},
	"sasl.mechanism":           {set: setMechanism},
	"sasl.mechanisms":          {set: setMechanism},
	"sasl.username":            {set: func(s *settings, v string) error { s.user = v; return nil }},
	"sasl.password":            {set: func(s *settings, v string) error { s.pass = v; return nil }},
	"ssl.ca.location":          {set: fromFile(func(s *settings) *string { return &s.ca })},
	"ssl.ca.pem":               {set: func(s *settings, v string) error { s.ca = v; return nil }},
	"ssl.certificate.location": {set: fromFile(func(s *settings) *string { return &s.cert })},
	"ssl.certificate.pem":      {set: func(s *settings, v string) error { s.cert = v; return nil }},
	"ssl.key.location":         {set: fromFile(func(s *settings) *string { return &s.key })},
	"ssl.key.pem":              {set: func(s *settings, v string) error { s.key = v; return nil }},
	"ssl.endpoint.identification.algorithm": {set: func(s *settings, v string) error {
		s.serverName = v == "https"
		return oneOf(v, "https", "none", "")
	}},
	"enable.ssl.certificate.verification": {set: func(s *settings, v string) error {
		s.noVerify = v == "false"
		return oneOf(v, "true", "false")
	}},
	"client.id":   {set: func(s *settings, v string) error { s.opts = append(s.opts, kgo.ClientID(v)); return nil }},
	"client.rack": {set: func(s *settings, v string) error { s.opts = append(s.opts, kgo.Rack(v)); return nil }},
	"isolation.level": {set: func(s *settings, v string) error {
		s.uncommitted = v == "read_uncommitted"
		return oneOf(v, "read_committed", "read_uncommitted")
	}},
	"metadata.max.age.ms":       {set: millis(func(s *settings, d time.Duration) { s.metadataAge = d })},
	"connections.max.idle.ms":   {set: millis(func(s *settings, d time.Duration) { s.opts = append(s.opts, kgo.ConnIdleTimeout(d)) })},
	"request.timeout.ms":        {set: millis(func(s *settings, d time.Duration) { s.opts = append(s.opts, kgo.RequestTimeoutOverhead(d)) })},
	"fetch.max.bytes":           {set: bytesIn(func(s *settings, n int32) { s.opts = append(s.opts, kgo.FetchMaxBytes(n)) })},
	"max.partition.fetch.bytes": {set: bytesIn(func(s *settings, n int32) { s.opts = append(s.opts, kgo.FetchMaxPartitionBytes(n)) })},
	"fetch.min.bytes":           {set: bytesIn(func(s *settings, n int32) { s.opts = append(s.opts, kgo.FetchMinBytes(n)) })},
	"fetch.max.wait.ms":         {set: millis(func(s *settings, d time.Duration) { s.opts = append(s.opts, kgo.FetchMaxWait(d)) })},
	"linger.ms":                 {set: millis(func(s *settings, d time.Duration) { s.opts = append(s.opts, kgo.ProducerLinger(d)) })},
	"max.request.size":          {set: bytesIn(func(s *settings, n int32) { s.opts = append(s.opts, kgo.ProducerBatchMaxBytes(n)) })},
	"compression.type":          {set: setCompression},
	"transaction.timeout.ms":    {set: millis(func(s *settings, d time.Duration) { s.opts = append(s.opts, kgo.TransactionTimeout(d)) })},
}

func knownProperties() string {
	names := make([]string, 0, len(properties))
	for n := range properties {
		names = append(names, n)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

func oneOf(v string, words ...string) error { return connector.OneOf(words...)(v) }

func fromFile(field func(*settings) *string) func(*settings, string) error {
	return func(s *settings, path string) error {
		text, err := os.ReadFile(path)
		*field(s) = string(text)
		return err
	}
}

func millis(set func(*settings, time.Duration)) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return errors.New("not a number of milliseconds")
		}
		set(s, time.Duration(n)*time.Millisecond)
		return nil
	}
}

func bytesIn(set func(*settings, int32)) func(*settings, string) error {
	return func(s *settings, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 1 || n > 64<<20 {
			return errors.New("not a number of bytes up to 64 MiB")
		}
		set(s, int32(n))
		return nil
	}
}

func setServers(s *settings, v string) error {
	for _, a := range strings.Split(v, ",") {
		if a = strings.TrimSpace(a); a != "" {
			s.servers = append(s.servers, a)
		}
	}
	if len(s.servers) == 0 {
		return errors.New("no host:port in it")
	}
	return nil
}

func setProtocol(s *settings, v string) error {
	v = strings.ToUpper(v)
	s.tls = strings.HasSuffix(v, "SSL") && v != ""
	s.sasl = strings.HasPrefix(v, "SASL_")
	return oneOf(v, "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
}

func setMechanism(s *settings, v string) error {
	s.mechanism = strings.ToUpper(v)
	return oneOf(s.mechanism, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
}

func setCompression(s *settings, v string) error {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	c, ok := codecs[v]
	if !ok {
		return oneOf(v, "none", "gzip", "snappy", "lz4", "zstd")
	}
	s.opts = append(s.opts, kgo.ProducerBatchCompression(c))
	return nil
}

// parseProperties reads the properties.* options.
func parseProperties(o *connector.Options) (*settings, error) {
	s := &settings{serverName: true, metadataAge: 10 * time.Second}
	var names []string
	for k := range o.Values {
		if strings.HasPrefix(k, "properties.") {
			names = append(names, k)
		}
	}
	sort.Strings(names)
	for _, k := range names {
		name := strings.TrimPrefix(k, "properties.")
		p, ok := properties[name]
		if !ok {
			e := sqlerr.New(sqlerr.InvalidParameterValue, "connector \"kafka\" does not know the property %q", name)
			if name == "group.id" || strings.HasPrefix(name, "enable.auto") || name == "auto.offset.reset" {
				return nil, e.WithHint("Tidemill keeps the offsets itself, with its state. See %s.", optMode)
			}
			return nil, e.WithHint("Known properties: %s.", knownProperties())
		}
		if err := p.set(s, o.Values[k]); err != nil {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %v", k, err)
		}
	}
	if len(s.servers) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "connector \"kafka\" needs option %q", optServer).
			WithHint("Write %s = 'host:9092'.", optServer)
	}
	return s, s.security()
}

// security turns the TLS and SASL properties into client options.
func (s *settings) security() error {
	if s.tls {
		c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.noVerify}
		if s.ca != "" {
			c.RootCAs = x509.NewCertPool()
			if !c.RootCAs.AppendCertsFromPEM([]byte(s.ca)) {
				return sqlerr.New(sqlerr.InvalidParameterValue, "properties.ssl.ca.* holds no certificate in PEM form")
			}
		}
		if s.cert != "" || s.key != "" {
			pair, err := tls.X509KeyPair([]byte(s.cert), []byte(s.key))
			if err != nil {
				return sqlerr.New(sqlerr.InvalidParameterValue, "properties.ssl.certificate.* and ssl.key.*: %v", err)
			}
			c.Certificates = []tls.Certificate{pair}
		}
		if !s.serverName && !s.noVerify {
			skipHostName(c)
		}
		s.opts = append(s.opts, kgo.DialTLSConfig(c))
	} else if s.ca != "" || s.cert != "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "properties.ssl.* need properties.security.protocol = 'SSL' or 'SASL_SSL'")
	}
	if !s.sasl {
		if s.mechanism != "" || s.user != "" {
			return sqlerr.New(sqlerr.InvalidParameterValue, "properties.sasl.* need properties.security.protocol = 'SASL_PLAINTEXT' or 'SASL_SSL'")
		}
		return nil
	}
	switch s.mechanism {
	case "", "PLAIN":
		s.opts = append(s.opts, kgo.SASL(plain.Auth{User: s.user, Pass: s.pass}.AsMechanism()))
	case "SCRAM-SHA-256":
		s.opts = append(s.opts, kgo.SASL(scram.Auth{User: s.user, Pass: s.pass}.AsSha256Mechanism()))
	default:
		s.opts = append(s.opts, kgo.SASL(scram.Auth{User: s.user, Pass: s.pass}.AsSha512Mechanism()))
	}
	return nil
}

// skipHostName verifies the certificate's chain without the host name.
func skipHostName(c *tls.Config) {
	c.InsecureSkipVerify = true
	roots := c.RootCAs
	c.VerifyConnection = func(state tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range state.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		_, err := state.PeerCertificates[0].Verify(opts)
		return err
	}
}

// clientOptions are those that all clients share.
func (s *settings) clientOptions(more ...kgo.Opt) []kgo.Opt {
	out := []kgo.Opt{
		kgo.ClientID("tidemill"),
		kgo.SeedBrokers(s.servers...),
		kgo.DialTimeout(5 * time.Second),
		kgo.MetadataMaxAge(max(s.metadataAge, time.Second)),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RetryTimeout(20 * time.Second),
		kgo.MaxDecompressBatchBytes(batchBytesMax),
		kgo.FetchMaxBytes(fetchBytesMax),
		kgo.FetchMaxPartitionBytes(partitionBytesMax),
	}
	return append(append(out, s.opts...), more...)
}

const unreachablePrefix = "cannot reach Kafka at "

func unreachable(servers []string, err error) string {
	return fmt.Sprintf(unreachablePrefix+"%s: %v", strings.Join(servers, ", "), err)
}
