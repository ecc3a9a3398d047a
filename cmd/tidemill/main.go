// Command tidemill is a streaming SQL database: it keeps materialized views over streams up to date
// and serves them over the PostgreSQL wire protocol.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sort"

	"tidemill/server"
)

// version is set by the release build with -ldflags "-X main.version=…".
var version = "development"

// command is a subcommand of the binary.
type command struct {
	summary string
	run     func(args []string, out io.Writer) error
}

func commands() map[string]command {
	return map[string]command{
		"serve":   {"run the server", serve},
		"demo":    {"run a server with generated auctions and a live table", demo},
		"bench":   {"measure the engine: tidemill bench nexmark", bench},
		"version": {"print the version", printVersion},
	}
}

func main() {
	server.Version = version
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "tidemill:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(out)
		return nil
	}
	c, ok := commands()[args[0]]
	if !ok {
		usage(os.Stderr)
		return fmt.Errorf("unknown command %q", args[0])
	}
	return c.run(args[1:], out)
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: tidemill <command> [flags]   (tidemill <command> --help for the flags)")
	cmds := commands()
	names := make([]string, 0, len(cmds))
	for n := range cmds {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(w, "  %-10s %s\n", n, cmds[n].summary)
	}
}

func printVersion(_ []string, out io.Writer) error {
	_, err := fmt.Fprintln(out, "tidemill", version)
	return err
}
