// Command docgen writes the reference pages under docs/reference from the registries: what the code
// says of itself is the only description there is.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

func main() {
	dir := flag.String("dir", "docs/reference", "folder of the pages")
	check := flag.Bool("check", false, "write nothing; fail if a page is not what it should be")
	flag.Parse()
	pages := Pages()
	names := make([]string, 0, len(pages))
	for n := range pages {
		names = append(names, n)
	}
	sort.Strings(names)
	stale := false
	for _, n := range names {
		path := filepath.Join(*dir, n)
		if *check {
			old, err := os.ReadFile(path)
			if err != nil || string(old) != pages[n] {
				fmt.Fprintf(os.Stderr, "%s is not current: make docs\n", path)
				stale = true
			}
			continue
		}
		if err := os.MkdirAll(*dir, 0o755); err != nil {
			fatal(err)
		}
		if err := os.WriteFile(path, []byte(pages[n]), 0o644); err != nil {
			fatal(err)
		}
	}
	if stale {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "docgen:", err)
	os.Exit(1)
}
