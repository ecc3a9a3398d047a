package nexmark

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed queries/*.sql
var queryFiles embed.FS

// Queries returns the names of the benchmark's queries in its order.
func Queries() []string {
	files, err := queryFiles.ReadDir("queries")
	if err != nil {
		panic(err) // it is part of the binary
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".sql"))
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	return names
}

// Query returns the text of a Nexmark query ("q5") over the sources bid, auction and person.
func Query(name string) (string, error) {
	b, err := queryFiles.ReadFile("queries/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("there is no Nexmark query %q", name)
	}
	return string(b), nil
}
