package state

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"tidemill/sql/sqlerr"
)

// storeLogger is what Pebble logs to.
type storeLogger Store

// Infof implements pebble.Logger.
func (l *storeLogger) Infof(format string, args ...any) {
	l.log.Debug("store: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Errorf implements pebble.Logger.
func (l *storeLogger) Errorf(format string, args ...any) {
	l.log.Error("store: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Fatalf implements pebble.Logger. Pebble calls it when it cannot go on: a log or manifest that could
// not be written or synced. It expects the process to end. Instead the store is declared dead and the
// calling goroutine, a background one of Pebble's or one that guarded started, ends here; nothing is
// committed or acknowledged afterwards.
func (l *storeLogger) Fatalf(format string, args ...any) {
	var cause error
	for _, a := range args {
		if err, ok := a.(error); ok {
			cause = err
		}
	}
	if cause == nil {
		cause = fmt.Errorf(format, args...)
	}
	_ = (*Store)(l).fail(cause)
	runtime.Goexit()
}

// fail makes err the reason why the store is dead, unless it is already, and returns the reason.
func (s *Store) fail(err error) error {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	if s.failErr == nil {
		var known *sqlerr.Error
		if !errors.As(err, &known) {
			err = &failure{cause: err}
		}
		s.failErr = err
		s.log.Error("store: failed for good", "err", err)
		close(s.failed)
	}
	return s.failErr
}

func (s *Store) failure() error {
	s.failMu.Lock()
	defer s.failMu.Unlock()
	return s.failErr
}

// failure is the error of a dead store.
type failure struct{ cause error }

func (f *failure) Error() string {
	return "the store has failed and takes no more commits; restart the server: " + f.cause.Error()
}

// Unwrap gives the cause, and an error with the SQLSTATE that clients see.
func (f *failure) Unwrap() []error {
	return []error{f.cause, sqlerr.New(sqlerr.IOError, "%s", f.Error())}
}

// guarded runs f, which may end in Fatalf or in one of Pebble's panics about the disk, on a goroutine
// of its own.
func (s *Store) guarded(f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("store: panic", "value", p, "stack", string(debug.Stack()))
				err, ok := p.(error)
				if !ok {
					err = fmt.Errorf("%v", p)
				}
				done <- s.fail(err)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		if failed := s.failure(); failed != nil {
			return failed
		}
		return err
	case <-s.failed:
		return s.failure()
	}
}
