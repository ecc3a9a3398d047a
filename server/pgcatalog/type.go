package pgcatalog

import (
	_ "embed"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// typeRows are the relations about types, functions, operators and casts.
var typeRows = map[string]func(*table){
	"pg_type":      typeList,
	"pg_enum":      enumList,
	"pg_proc":      procList,
	"pg_aggregate": aggregateList,
	"pg_operator":  operatorList,
	"pg_cast":      castList,
	"pg_opclass":   opclassList,
	"pg_opfamily":  opfamilyList,
	"pg_language":  languageList,
	"pg_collation": collationList,
	"pg_am":        amList,
}

// pgType is a row of pg_type.
type pgType struct {
	oid                      uint32
	name                     string
	len                      int
	byVal                    bool
	kind, category           string
	preferred                bool
	delim                    string
	elem, array, collation   uint32
	funcs                    [7]string // input … analyze
	align, storage, subscrpt string
}

//go:embed types.txt
var typeText string

//go:embed procs.txt
var procText string

var (
	pgTypes    = map[uint32]*pgType{}
	pgTypeList []*pgType
	procByName = map[string]uint32{"-": 0}
	procName   = map[uint32]string{}
)

// pseudo are the types without values that functions and clients mention.
var pseudo = []uint32{705, 2249, 2287, 2275, 2276, 2277, 2278, 2279, 2281, 2283, 2776, 3500}

func init() {
	known := map[uint32]bool{}
	for _, t := range types.All() {
		known[t.OID()], known[t.ArrayOID()] = true, true
	}
	for _, id := range pseudo {
		known[id] = true
	}
	for _, f := range lines(procText) {
		id := number(f[0])
		procByName[f[1]], procName[id] = id, f[1]
	}
	for _, f := range lines(typeText) {
		if !known[number(f[0])] {
			continue
		}
		n, _ := strconv.Atoi(f[2])
		t := &pgType{oid: number(f[0]), name: f[1], len: n, byVal: f[3] == "1", kind: f[4], category: f[5],
			preferred: f[6] == "1", delim: f[7], elem: number(f[8]), array: number(f[9]), align: f[17], storage: f[18],
			collation: number(f[19]), subscrpt: f[20]}
		copy(t.funcs[:], f[10:17])
		pgTypes[t.oid] = t
		pgTypeList = append(pgTypeList, t)
	}
}

func lines(text string) [][]string {
	var out [][]string
	for _, l := range strings.Split(text, "\n") {
		if l != "" && l[0] != '#' {
			out = append(out, strings.Split(l, " "))
		}
	}
	return out
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

func typeList(t *table) {
	for _, p := range pgTypeList {
		t.row("oid", p.oid, "typname", p.name, "typnamespace", catalogSchemaID, "typowner", ownerID, "typlen", p.len,
			"typbyval", p.byVal, "typtype", p.kind, "typcategory", p.category, "typispreferred", p.preferred,
			"typisdefined", true, "typdelim", p.delim, "typsubscript", p.subscrpt, "typelem", p.elem, "typarray", p.array,
			"typinput", p.funcs[0], "typoutput", p.funcs[1], "typreceive", p.funcs[2], "typsend", p.funcs[3],
			"typmodin", p.funcs[4], "typmodout", p.funcs[5], "typanalyze", p.funcs[6], "typalign", p.align,
			"typstorage", p.storage, "typtypmod", -1, "typcollation", p.collation)
	}
	userTypeRows(t)
}

// proc is a row of pg_proc.
type proc struct {
	oid         uint32
	name        string
	args        []types.Type
	ret         types.Type
	kind        string // f, a, w
	set, strict bool
	variadic    bool
	volatility  fn.Volatility
	summary     string
	retOID      uint32
	argOIDs     []uint32
}

// procs lists the functions that statements can call and those that pg_type refers to.
var procs = sync.OnceValue(func() []*proc {
	var out []*proc
	for _, f := range lines(procText) {
		p := &proc{oid: number(f[0]), name: f[1], kind: "f", strict: true, retOID: number(f[2])}
		for _, a := range strings.Split(f[3], ",") {
			if a != "" {
				p.argOIDs = append(p.argOIDs, number(a))
			}
		}
		out = append(out, p)
	}
	for _, s := range fn.Scalars() {
		if isOperator(s.Name) {
			continue
		}
		out = append(out, &proc{name: s.Name, args: s.Args, ret: s.Ret, kind: "f", strict: s.Strict,
			variadic: s.Variadic, volatility: s.Volatility, summary: s.Summary})
	}
	for _, a := range fn.Aggregates() {
		out = append(out, &proc{name: a.Name, args: a.Args, ret: a.Ret, kind: "a", summary: a.Summary})
	}
	for _, f := range fn.Tables() {
		p := &proc{name: f.Name, args: f.Args, kind: "f", set: true, variadic: f.Variadic, volatility: f.Volatility,
			summary: f.Summary, ret: types.T(types.Record)}
		if len(f.Columns) == 1 {
			p.ret = f.Columns[0].Type
		}
		out = append(out, p)
	}
	for _, p := range out {
		p.number()
	}
	return out
})

// number gives a function its OIDs. Its own is made from its signature, so that it never changes.
func (p *proc) number() {
	if p.retOID == 0 {
		p.retOID = specOID(p.ret)
		for _, a := range p.args {
			p.argOIDs = append(p.argOIDs, specOID(a))
		}
		p.oid = stableOID("proc", p.name, p.argOIDs)
	}
}

func stableOID(kind, name string, args []uint32) uint32 {
	h := fnv.New32a()
	h.Write([]byte(kind + "\x00" + name))
	for _, a := range args {
		h.Write([]byte(strconv.Itoa(int(a)) + ","))
	}
	return h.Sum32() | 1<<31
}

// specOID returns the OID of a type in a function's description.
func specOID(t types.Type) uint32 {
	switch t.ID {
	case fn.AnyElement.ID:
		return 2283
	case fn.AnyArray.ID:
		return 2277
	case fn.Any.ID:
		return 2276
	case fn.AnyEnum.ID:
		return 3500
	}
	return t.OID()
}

func isOperator(name string) bool {
	return name != "" && strings.ContainsRune("+-*/<>=~!@#%^&|`?", rune(name[0]))
}

// procID returns the OID of the function called name, 0 when there is none.
func procID(name string) uint32 {
	if id := procByName[name]; id != 0 {
		return id
	}
	for _, p := range procs() {
		if p.name == name {
			return p.oid
		}
	}
	return 0
}

func procByID(id uint32) *proc {
	for _, p := range procs() {
		if p.oid == id {
			return p
		}
	}
	return nil
}

func volatility(v fn.Volatility) string {
	return [...]string{fn.Immutable: "i", fn.Stable: "s", fn.Volatile: "v"}[v]
}

func procList(t *table) {
	for _, p := range procs() {
		var variadic uint32
		if p.variadic && len(p.argOIDs) > 0 {
			variadic = p.argOIDs[len(p.argOIDs)-1]
		}
		rows := 0.0
		if p.set {
			rows = 1000
		}
		t.row("oid", p.oid, "proname", p.name, "pronamespace", catalogSchemaID, "proowner", ownerID, "prolang", 12,
			"procost", 1, "prorows", rows, "provariadic", variadic, "prokind", p.kind, "proisstrict", p.strict,
			"proretset", p.set, "provolatile", volatility(p.volatility), "proparallel", "s", "pronargs", len(p.argOIDs),
			"prorettype", p.retOID, "proargtypes", p.argOIDs, "prosrc", p.name)
	}
}

func aggregateList(t *table) {
	for _, p := range procs() {
		if p.kind == "a" {
			t.row("aggfnoid", p.oid, "aggkind", "n", "aggfinalmodify", "r", "aggmfinalmodify", "r", "aggtranstype", 2281)
		}
	}
}

func operatorList(t *table) {
	for _, s := range fn.Scalars() {
		if !isOperator(s.Name) || len(s.Args) == 0 || len(s.Args) > 2 {
			continue
		}
		var oids []uint32
		for _, a := range s.Args {
			oids = append(oids, specOID(a))
		}
		left, kind := uint32(0), "l"
		if len(oids) == 2 {
			left, kind = oids[0], "b"
		}
		t.row("oid", stableOID("operator", s.Name, oids), "oprname", s.Name, "oprnamespace", catalogSchemaID,
			"oprowner", ownerID, "oprkind", kind, "oprcanhash", s.Name == "=", "oprcanmerge", s.Name == "=",
			"oprleft", left, "oprright", oids[len(oids)-1], "oprresult", s.Ret.OID())
	}
}

func castList(t *table) {
	contexts := [...]string{fn.Explicit: "e", fn.Assignment: "a", fn.Implicit: "i"}
	for _, c := range fn.Casts() {
		from, to := c.From.OID(), c.To.OID()
		if from != 0 && to != 0 && c.From.ID != types.Array && c.To.ID != types.Array {
			t.row("oid", stableOID("cast", "", []uint32{from, to}), "castsource", from, "casttarget", to,
				"castcontext", contexts[c.Context], "castmethod", "i")
		}
	}
}

// opclasses are the btree operator classes of the types that keys are made of.
var opclasses = []struct {
	oid  uint32
	name string
	typ  types.ID
}{
	{424, "bool_ops", types.Bool}, {1979, "int2_ops", types.Int2}, {1978, "int4_ops", types.Int4}, {3124, "int8_ops", types.Int8},
	{1970, "float4_ops", types.Float4}, {3123, "float8_ops", types.Float8}, {3125, "numeric_ops", types.Numeric},
	{3126, "text_ops", types.Text}, {426, "bpchar_ops", types.Bpchar}, {428, "bytea_ops", types.Bytea},
	{3122, "date_ops", types.Date}, {2000, "time_ops", types.Time}, {3128, "timestamp_ops", types.Timestamp},
	{3127, "timestamptz_ops", types.Timestamptz}, {2982, "interval_ops", types.Interval}, {2968, "uuid_ops", types.UUID},
	{4033, "jsonb_ops", types.JSONB}, {1981, "oid_ops", types.OID}, {10022, "array_ops", types.Array},
}

func opclassOf(t types.Type) uint32 {
	if t.ID == types.Varchar || t.ID == types.Name {
		t.ID = types.Text
	}
	i := slices.IndexFunc(opclasses, func(c struct {
		oid  uint32
		name string
		typ  types.ID
	}) bool {
		return c.typ == t.ID
	})
	if i < 0 {
		return 0
	}
	return opclasses[i].oid
}

func opclassList(t *table) {
	for _, c := range opclasses {
		typ := types.T(c.typ).OID()
		t.row("oid", c.oid, "opcmethod", btreeAM, "opcname", c.name, "opcnamespace", catalogSchemaID, "opcowner", ownerID,
			"opcfamily", c.oid, "opcintype", typ, "opcdefault", true)
	}
}

func opfamilyList(t *table) {
	for _, c := range opclasses {
		t.row("oid", c.oid, "opfmethod", btreeAM, "opfname", c.name, "opfnamespace", catalogSchemaID, "opfowner", ownerID)
	}
}

func languageList(t *table) {
	t.row("oid", 12, "lanname", "internal", "lanowner", ownerID)
	t.row("oid", 13, "lanname", "c", "lanowner", ownerID)
	t.row("oid", 14, "lanname", "sql", "lanowner", ownerID, "lanpltrusted", true)
}

func collationList(t *table) {
	t.row("oid", 100, "collname", "default", "collnamespace", catalogSchemaID, "collowner", ownerID, "collprovider", "d",
		"collisdeterministic", true, "collencoding", -1)
	t.row("oid", 950, "collname", "C", "collnamespace", catalogSchemaID, "collowner", ownerID, "collprovider", "c",
		"collisdeterministic", true, "collencoding", -1, "collcollate", "C", "collctype", "C")
	t.row("oid", 951, "collname", "POSIX", "collnamespace", catalogSchemaID, "collowner", ownerID, "collprovider", "c",
		"collisdeterministic", true, "collencoding", -1, "collcollate", "POSIX", "collctype", "POSIX")
	t.row("oid", 12547, "collname", "ucs_basic", "collnamespace", catalogSchemaID, "collowner", ownerID, "collprovider", "c",
		"collisdeterministic", true, "collencoding", 6, "collcollate", "C", "collctype", "C")
}

func amList(t *table) {
	t.row("oid", heapAM, "amname", "heap", "amtype", "t")
	t.row("oid", btreeAM, "amname", "btree", "amtype", "i")
}
