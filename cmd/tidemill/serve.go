package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	_ "tidemill/connector/all"
	_ "tidemill/exec/op/all"
	"tidemill/server"
	"tidemill/server/config"
	_ "tidemill/sql/fn/all"
)

// serve runs the server until SIGTERM, SIGINT or a failure. A second signal ends it at once; nothing
// acknowledged is lost by that.
func serve(args []string, out io.Writer) error {
	cfg, rest, err := config.Load(args, os.LookupEnv, out)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s, err := server.Start(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "tidemill listens on %s; connect with: psql %s\n", s.Addr(), s.URL())
	select {
	case <-ctx.Done():
		stop()
		return s.Shutdown()
	case <-s.Done():
		return errors.Join(s.Err(), s.Shutdown())
	}
}
