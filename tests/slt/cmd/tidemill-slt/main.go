// Command tidemill-slt runs a folder of sqllogictest scripts against a server and sums up what
// passed, failed and is not supported.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tidemill/tests/slt"
)

func main() {
	dir := flag.String("dir", "", "folder of .slt and .test scripts, searched recursively")
	dsn := flag.String("dsn", "postgres://tidemill@127.0.0.1:5477/tidemill?sslmode=disable", "server to run them against")
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
		res, err := slt.RunFile(context.Background(), path, slt.Options{DSN: *dsn, Rewrite: *rewrite})
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
