// Package flights tests with real input: the 336,776 flights that left New York City in 2013, streamed
// through a real Apache Kafka broker into views whose content must equal what PostgreSQL answers over
// the same rows, while it streams and after the server was killed on the way.
package flights
