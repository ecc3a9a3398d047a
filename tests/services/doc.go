// Package services gives tests the real systems that Tidemill talks to: an Apache Kafka broker, a
// PostgreSQL server, the New York flights data set.
//
// Whatever it starts runs on a free loopback port with its files in a temporary directory. It ends,
// and the directory goes, with the test or at the latest with the test process, however that ends.
//
// Downloads happen once, into TIDEMILL_CACHE (default ~/.cache/tidemill); `make services` does them
// ahead of time. A test whose service cannot be had is skipped, and the reason is appended to the
// file that TIDEMILL_SKIPS names. With TIDEMILL_REQUIRE_SERVICES=1 such a test fails instead, and a
// missing PostgreSQL, Java, Maven or Python is installed first from Debian's packages, given root.
//
// Tests that use this package carry the build tag services, so that a plain `go test ./...` needs
// nothing but Go. The package needs Linux.
package services
