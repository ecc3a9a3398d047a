package pgwire

import (
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tidemill/sql/sqlerr"
)

// The functions of this file may be called from any goroutine.

// Cancel cancels the running statement, if there is one.
func (c *Conn) Cancel() {
	c.cancel(sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request"))
}

func (c *Conn) cancel(cause error) {
	c.mu.Lock()
	f := c.cancelStmt
	c.mu.Unlock()
	if f != nil {
		f(cause)
	}
}

// closeWhenIdle ends the connection as soon as no statement runs.
func (c *Conn) closeWhenIdle(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing == nil {
		c.closing = reason
	}
	if c.cancelStmt == nil {
		c.nc.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // wakes the reader
	}
}

// terminate ends the connection now, cancelling its statement.
func (c *Conn) terminate(reason error) {
	c.closeWhenIdle(reason)
	c.cancel(reason)
}

// SetIdleTimeouts sets how long the client may say nothing outside and inside a transaction; 0 = for
// ever.
func (c *Conn) SetIdleTimeouts(outside, inside time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idleLimit = [2]time.Duration{outside, inside}
}

func (c *Conn) idleTimeout(inTransaction bool) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if inTransaction {
		return c.idleLimit[1]
	}
	return c.idleLimit[0]
}

// setReadDeadline sets the time of the next read's end, unless the connection is to be closed.
func (c *Conn) setReadDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing != nil {
		t = time.Unix(1, 0)
	}
	c.nc.SetReadDeadline(t) //nolint:errcheck // the read tells
}

func (c *Conn) armRead(limit time.Duration) {
	var t time.Time
	if limit > 0 {
		t = time.Now().Add(limit)
	}
	c.setReadDeadline(t)
}

// interruptRead wakes a read that waits.
func (c *Conn) interruptRead() {
	c.nc.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // wakes the reader
}

// Notify hands a notification to the client: now when it is idle outside a transaction, else when it
// will be.
func (c *Conn) Notify(n Notification) {
	c.mu.Lock()
	c.notes = append(c.notes, n)
	c.mu.Unlock()
	c.deliverIfIdle()
}

// deliverIfIdle writes waiting notifications unless the connection's goroutine is at work, which will
// do it itself before it next waits.
func (c *Conn) deliverIfIdle() {
	for c.hasNotes() && c.out.TryLock() {
		sent := c.idle && c.deliver()
		c.out.Unlock()
		if !sent {
			return
		}
	}
}

func (c *Conn) hasNotes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.notes) > 0
}

// deliver writes waiting notifications; the caller holds c.out.
func (c *Conn) deliver() bool {
	if !c.hasNotes() || !c.idle || c.handler == nil || c.handler.Status() != 'I' {
		return false
	}
	c.mu.Lock()
	notes := c.notes
	c.notes = nil
	c.mu.Unlock()
	for _, n := range notes {
		c.w.send(&pgproto3.NotificationResponse{PID: n.PID, Channel: n.Channel, Payload: n.Payload})
	}
	return c.w.Flush() == nil
}
