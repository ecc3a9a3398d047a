// Package kafka reads topics of Apache Kafka and of brokers that speak its protocol, and writes to
// them.
//
// The reader assigns partitions to itself (no consumer group) and reads committed records only. A
// partition's position is the offset of the next record, with the leader epoch of the last one and the
// topic's ID, so that a log that was cut or a topic that was made anew is an error instead of wrong
// data. Two goroutines work for a reader: discover looks for partitions and watches the topic, and
// the caller of Poll decodes. What goes wrong for a time shows in Status; what lost data ends the
// reader.
//
// The writer sends an epoch in one transaction together with a record that names the epoch in a
// compacted progress topic; Committed reads that record back after it has fenced off older writers.
package kafka
