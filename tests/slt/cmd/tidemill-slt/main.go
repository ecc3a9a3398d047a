// Command tidemill-slt runs a folder of sqllogictest scripts and sums up what passed, failed and is
// not supported. Each script has a server of its own, unless --dsn names one for all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	_ "tidemill/connector/all"
	_ "tidemill/exec/op/all"
	"tidemill/server"
	"tidemill/server/config"
	_ "tidemill/sql/fn/all"
	"tidemill/tests/slt"
)

func main() {
	dir := flag.String("dir", "", "folder of .slt and .test scripts, searched recursively")
	dsn := flag.String("dsn", "", "server to run them against; empty = a fresh one in this process for each")
	rewrite := flag.Bool("rewrite", false, "replace expected results by what the server answers")
	verbose := flag.Bool("v", false, "show every failure")
	flag.Parse()
	if *dir == "" {
		flag.Usage()
		os.Exit(2)
	}
	total := slt.Result{}
	err := filepath.WalkDir(*dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".slt") && !strings.HasSuffix(path, ".test") {
			return err
		}
		res, err := run(path, slt.Options{DSN: *dsn, Rewrite: *rewrite})
		if err != nil {
			return err
		}
		fmt.Printf("%-60s %6d passed %5d failed %5d skipped\n", path, res.Passed, res.Failed, res.Skipped)
		if *verbose {
			for _, e := range res.Errors {
				fmt.Println(e)
			}
		}
		total.Passed += res.Passed
		total.Failed += res.Failed
		total.Skipped += res.Skipped
		total.Unsupported += res.Unsupported
		return nil
	})
	if err == nil && total.Passed+total.Failed+total.Skipped == 0 {
		err = fmt.Errorf("no scripts in %s", *dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed (%d of them not supported), %d skipped\n",
		total.Passed, total.Failed, total.Unsupported, total.Skipped)
	if total.Failed > 0 {
		os.Exit(1)
	}
}

func run(path string, opt slt.Options) (*slt.Result, error) {
	if opt.DSN != "" {
		return slt.RunFile(context.Background(), path, opt)
	}
	dir, err := os.MkdirTemp("", "tidemill-slt-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--http", "", "--log-level", "error"}
	cfg, _, err := config.Load(args, func(string) (string, bool) { return "", false }, io.Discard)
	if err != nil {
		return nil, err
	}
	s, err := server.StartWith(cfg, server.Hooks{Check: true})
	if err != nil {
		return nil, err
	}
	opt.DSN = s.URL() + "?sslmode=disable"
	res, err := slt.RunFile(context.Background(), path, opt)
	return res, errors.Join(err, s.Shutdown())
}
