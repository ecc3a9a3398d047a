// Package auth answers who a connection is: trust, or SCRAM-SHA-256 against the verifier of a role.
//
// Words: a verifier is what a role keeps instead of its password, in Postgres's text form; an
// exchange is one SASL conversation.
//
// Invariants: nobody is trusted beyond loopback unless the operator said so by name, nor anywhere once
// role tidemill has a password; whether a user exists can't be learnt without a password, neither
// from answers nor from their time. The package knows nothing of messages and of SQL.
package auth
