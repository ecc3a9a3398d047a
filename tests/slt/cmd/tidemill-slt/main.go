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
	"time"

	_ "tidemill/connector/all"
	_ "tidemill/exec/op/all"
	"tidemill/server"
	"tidemill/server/config"
	_ "tidemill/sql/fn/all"
	"tidemill/tests/slt"
)

func main() {
	var opt slt.Options
	dir := flag.String("dir", "", "folder of .slt and .test scripts, searched recursively, or one script")
	flag.StringVar(&opt.DSN, "dsn", "", "server to run them against; empty = a fresh one in this process for each")
	flag.BoolVar(&opt.Rewrite, "rewrite", false, "replace expected results by what the server answers")
	flag.BoolVar(&opt.Foreign, "foreign", false, "the scripts are another database's: judge errors and values by meaning, skip unknown records")
	flag.StringVar(&opt.Referee, "referee", "", "a PostgreSQL that runs everything too: what it answers is right, whatever the script says")
	flag.DurationVar(&opt.Timeout, "timeout", 30*time.Second, "longest time of a statement")
	verbose := flag.Bool("v", false, "show every failure")
	most := flag.Int("reasons", 30, "how many reasons the summary names")
	flag.Parse()
	if *dir == "" {
		flag.Usage()
		os.Exit(2)
	}
	total, files, broken := slt.Result{}, 0, 0
	err := filepath.WalkDir(*dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path != *dir && !strings.HasSuffix(path, ".slt") && !strings.HasSuffix(path, ".test") {
			return err
		}
		files++
		res, err := run(path, opt)
		if err != nil && !opt.Foreign {
			return err
		}
		if err != nil {
			broken++
			fmt.Printf("%-60s cannot be run: %v\n", path, err)
			return nil
		}
		fmt.Printf("%-60s %6d passed %5d failed %5d skipped\n", path, res.Passed, res.Failed, res.Skipped)
		if *verbose {
			for _, e := range res.Errors {
				fmt.Println(e)
			}
		}
		total.Add(res)
		return nil
	})
	if err == nil && files == 0 {
		err = fmt.Errorf("no scripts in %s", *dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	total.Print(os.Stdout, *most)
	fmt.Printf("%d scripts (%d cannot be run): %d passed (%d of them as PostgreSQL and not as the script), %d failed (%d of them not supported), %d skipped\n",
		files, broken, total.Passed, total.AsPostgres, total.Failed, total.Unsupported, total.Skipped)
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
	s, err := server.StartWith(cfg, server.Hooks{Check: !opt.Foreign})
	if err != nil {
		return nil, err
	}
	opt.DSN = s.URL() + "?sslmode=disable"
	res, err := slt.RunFile(context.Background(), path, opt)
	return res, errors.Join(err, s.Shutdown())
}
