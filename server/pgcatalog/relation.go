package pgcatalog

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"tidemill/sql/types"
)

// Relation is a virtual relation.
type Relation struct {
	ID           uint32
	Schema, Name string
	Kind         byte // 'r' or 'v'
	Columns      types.Schema
	index        map[string]int
	rows         func(*table)
	// live relations change without the catalog: they are made anew for each query.
	live bool
}

//go:embed relations.txt
var relationText string

var (
	relations     = map[uint32]*Relation{}
	relationNames = map[string]*Relation{} // schema.name
	relationList  []*Relation
)

// The OIDs of schemas that every database has.
const (
	catalogSchemaID  = 11
	infoSchemaID     = 13207
	tidemillSchemaID = 15900
	databaseID       = 5
)

var systemSchemas = map[string]uint32{
	"pg_catalog": catalogSchemaID, "information_schema": infoSchemaID, "tidemill_catalog": tidemillSchemaID,
}

func init() {
	for _, line := range strings.Split(relationText, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRelation(line)
		if err != nil {
			panic("pgcatalog: " + err.Error() + ": " + line)
		}
		relations[r.ID] = r
		relationNames[r.Schema+"."+r.Name] = r
		relationList = append(relationList, r)
	}
	for _, group := range []map[string]func(*table){objectRows, typeRows, serverRows, statRows, listRows, infoRows, infoKeyRows} {
		attach(group, false)
	}
	attach(liveRows, true)
}

// attach gives relations their rows.
func attach(group map[string]func(*table), live bool) {
	for name, f := range group {
		if !strings.Contains(name, ".") {
			name = "pg_catalog." + name
		}
		r := relationNames[name]
		if r == nil || r.rows != nil {
			panic("pgcatalog: no relation, or rows twice: " + name)
		}
		r.rows, r.live = f, live
	}
}

func parseRelation(line string) (*Relation, error) {
	head, cols, _ := strings.Cut(line, ": ")
	f := strings.Fields(head)
	if len(f) != 3 {
		return nil, fmt.Errorf("malformed")
	}
	id, err := strconv.ParseUint(f[0], 10, 32)
	if err != nil {
		return nil, err
	}
	schema, name, _ := strings.Cut(f[1], ".")
	r := &Relation{ID: uint32(id), Schema: schema, Name: name, Kind: f[2][0], index: map[string]int{}}
	for _, c := range strings.Split(cols, ", ") {
		cn, ct, _ := strings.Cut(c, " ")
		ct, notNull := strings.CutSuffix(ct, "!")
		t, err := columnType(ct)
		if err != nil {
			return nil, err
		}
		r.index[cn] = len(r.Columns)
		r.Columns = append(r.Columns, types.Field{Name: cn, Type: t, NotNull: notNull})
	}
	return r, nil
}

func columnType(name string) (types.Type, error) {
	dims := 0
	if strings.HasPrefix(name, "_") {
		name, dims = name[1:], 1
	}
	if name == "char" {
		name = `"char"`
	}
	return types.ByName(name, nil, dims)
}

// Relations returns all virtual relations.
func Relations() []*Relation { return relationList }
