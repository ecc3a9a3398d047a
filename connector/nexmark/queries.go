package nexmark

import (
	"embed"
	"fmt"
)

//go:embed queries/*.sql
var queryFiles embed.FS

// Query returns the text of a Nexmark query ("q5") over the sources bid, auction and person.
func Query(name string) (string, error) {
	b, err := queryFiles.ReadFile("queries/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("there is no Nexmark query %q", name)
	}
	return string(b), nil
}
