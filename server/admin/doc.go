// Package admin serves HTTP: /healthz and /readyz for supervisors, /metrics for Prometheus and a small
// status page for people. It only reads.
//
// Nothing here asks for a password, so the listener belongs on loopback; New refuses other addresses
// unless the operator has accepted unauthenticated access from the network.
package admin
