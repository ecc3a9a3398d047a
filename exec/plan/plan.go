// Package plan is the physical plan: what the planner hands to the flow and the catalog keeps. A
// stored plan is run as it stands for ever; it is never made again from SQL by a newer binary.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// Version is the greatest format version of Plan that this code reads and writes. Plans with settings
// have version 2, others version 1.
const Version = 2

// Plan is a DAG of operators in topological order: a node's inputs come before it.
type Plan struct {
	Version int    `json:"version"`
	Nodes   []Node `json:"nodes"`
	Root    int    `json:"root"`
	// Key lists output columns that together are unique in the result at any epoch; nil = unknown, an
	// empty non-nil list = at most one row.
	Key []int `json:"key"`
	// AppendOnly tells that the root never emits a retraction.
	AppendOnly bool `json:"append_only"`
	// OrderBy is the order in which a client expects the rows (ORDER BY of a view: storage order only).
	OrderBy []SortKey `json:"order_by,omitempty"`
	// Visible is the number of leading root columns that the user sees; the rest are hidden key columns.
	Visible int `json:"visible"`
	// Settings are those of the session that made the view, in which its expressions run; nil = the
	// defaults.
	Settings *Settings `json:"settings,omitempty"`
}

// Settings are the run-time settings that values depend on. Empty ones are the defaults.
type Settings struct {
	TimeZone      string `json:"timezone,omitempty"`
	DateStyle     string `json:"date_style,omitempty"`
	DateOrder     string `json:"date_order,omitempty"`
	IntervalStyle string `json:"interval_style,omitempty"`
	ByteaOutput   string `json:"bytea_output,omitempty"`
}

// Keep stores the settings of a session with the plan.
func (p *Plan) Keep(env *types.Env) {
	p.Version = 1
	s := Settings{DateStyle: env.DateStyle, DateOrder: env.DateOrder, IntervalStyle: env.IntervalStyle, ByteaOutput: env.ByteaOutput}
	if zone := env.Location(); zone != time.UTC {
		s.TimeZone = types.ZoneText(zone)
	}
	if s.DateOrder == "MDY" {
		s.DateOrder = ""
	}
	if s.IntervalStyle == "postgres" {
		s.IntervalStyle = ""
	}
	if s.ByteaOutput == "hex" {
		s.ByteaOutput = ""
	}
	if s != (Settings{}) {
		p.Version, p.Settings = Version, &s
	}
}

// Env returns the settings in which the plan's expressions run.
func (p *Plan) Env() (types.Env, error) {
	if p.Settings == nil {
		return types.Env{}, nil
	}
	s := p.Settings
	env := types.Env{DateStyle: s.DateStyle, DateOrder: s.DateOrder, IntervalStyle: s.IntervalStyle, ByteaOutput: s.ByteaOutput}
	if s.TimeZone != "" {
		var err error
		if env.Zone, err = types.ParseZone(s.TimeZone); err != nil {
			return env, err
		}
	}
	return env, nil
}

// Node is one operator, or a leaf that reads an object ("scan").
type Node struct {
	Op     string          `json:"op"`
	Format int             `json:"format"`
	Config json.RawMessage `json:"config,omitempty"`
	Inputs []Input         `json:"inputs,omitempty"`
	Schema types.Schema    `json:"schema"`
	// Key and AppendOnly are properties of the output, as for the plan.
	Key        []int `json:"key"`
	AppendOnly bool  `json:"append_only"`
	// Tables maps the operator's state table names to store ids, assigned when the plan is created.
	Tables map[string]uint32 `json:"tables,omitempty"`
}

// Input is an edge into a node.
type Input struct {
	Node int `json:"node"`
	// Exchange says how rows are spread over the workers on this edge.
	Exchange Exchange `json:"x"`
	// Keys are the columns whose hash picks the virtual node, for ByHash.
	Keys []int `json:"keys,omitempty"`
}

// Exchange is the distribution of an edge.
type Exchange string

// The kinds of exchange.
const (
	Local  Exchange = "local"  // rows stay with their worker
	ByHash Exchange = "hash"   // by virtual node of the key columns
	Single Exchange = "single" // all rows to the worker that owns virtual node 0
)

// SortKey is one ORDER BY element over an output column.
type SortKey struct {
	Col        int  `json:"col"`
	Desc       bool `json:"desc,omitempty"`
	NullsFirst bool `json:"nulls_first,omitempty"`
}

// ScanOp is the Op of leaves.
const ScanOp = "scan"

// WindowClose is the Op of nodes whose output hangs on how far event time has come.
const WindowClose = "windowclose"

// Scan is the configuration of a leaf: the delta stream of a catalog object (source, table, view).
type Scan struct {
	Object uint32 `json:"object"`
	// Cols are the object's columns that are read, in output order; −1 is the hidden row id.
	Cols []int `json:"cols"`
	// Access narrows what a batch query reads; nil = everything.
	Access *Access `json:"access,omitempty"`
}

// Access reads ranges of a relation by its storage key or by an index. It may give more rows than are
// wanted: the conditions that it comes from are checked again above the scan.
type Access struct {
	Index uint32 `json:"index,omitempty"` // 0 = the relation's storage key
	// Eq lists for each leading key column the values that it may have. A column with none of them means
	// that there is nothing to read.
	Eq [][]types.Datum `json:"eq,omitempty"`
	// Low and High bound the key column behind those of Eq.
	Low  *Bound `json:"low,omitempty"`
	High *Bound `json:"high,omitempty"`
	// Reverse reads an index backwards; Limit, when not 0, ends the reading after so many rows.
	Reverse bool  `json:"reverse,omitempty"`
	Limit   int64 `json:"limit,omitempty"`
}

// Bound is an end of a range; Strict leaves the value itself out.
type Bound struct {
	Value  types.Datum `json:"value"`
	Strict bool        `json:"strict,omitempty"`
}

// Points lists the combinations of the values of Eq.
func (a *Access) Points() [][]types.Datum {
	out := [][]types.Datum{nil}
	for _, values := range a.Eq {
		var next [][]types.Datum
		for _, p := range out {
			for _, v := range values {
				next = append(next, append(slices.Clip(p), v))
			}
		}
		out = next
	}
	return out
}

// Scans returns the objects that the plan reads, in node order, each once.
func (p *Plan) Scans() ([]uint32, error) {
	leaves, err := p.Leaves()
	if err != nil {
		return nil, err
	}
	var out []uint32
	for _, l := range leaves {
		if !slices.Contains(out, l.Scan.Object) {
			out = append(out, l.Scan.Object)
		}
	}
	return out, nil
}

// Leads returns the objects that have to be read in full before the others of a new dataflow (see
// op.Spec.Leads).
func (p *Plan) Leads() (map[uint32]bool, error) {
	leaves, err := p.Leaves()
	if err != nil {
		return nil, err
	}
	out := map[uint32]bool{}
	seen := make([]bool, len(p.Nodes))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, l := range leaves {
			if l.Node == i {
				out[l.Scan.Object] = true
			}
		}
		for _, in := range p.Nodes[i].Inputs {
			visit(in.Node)
		}
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Op == ScanOp {
			continue
		}
		spec, err := op.Lookup(n.Op)
		if err != nil {
			return nil, err
		}
		for _, port := range spec.Leads {
			visit(n.Inputs[port].Node)
		}
	}
	return out, nil
}

// Check verifies that this build can run the plan: versions, operators, edges. It is called before
// a plan is stored and whenever one is loaded.
func (p *Plan) Check() error {
	if p.Version > Version {
		return fmt.Errorf("plan format %d is newer than this build's %d", p.Version, Version)
	}
	if p.Root < 0 || p.Root >= len(p.Nodes) {
		return fmt.Errorf("plan root %d out of range", p.Root)
	}
	for i, n := range p.Nodes {
		for _, in := range n.Inputs {
			if in.Node < 0 || in.Node >= i {
				return fmt.Errorf("plan node %d reads node %d", i, in.Node)
			}
		}
		if n.Op == ScanOp {
			continue
		}
		s, err := op.Lookup(n.Op)
		if err != nil {
			return err
		}
		if n.Format > s.Format || n.Format < s.MinFormat {
			return fmt.Errorf("operator %s has format %d, this build reads %d to %d", n.Op, n.Format, s.MinFormat, s.Format)
		}
	}
	return nil
}

// Leaf is a scan node of a plan with its decoded configuration.
type Leaf struct {
	Node int
	Scan Scan
}

// Leaves returns the plan's scans in node order.
func (p *Plan) Leaves() ([]Leaf, error) {
	var out []Leaf
	for i, n := range p.Nodes {
		if n.Op != ScanOp {
			continue
		}
		l := Leaf{Node: i}
		if err := json.Unmarshal(n.Config, &l.Scan); err != nil {
			return nil, fmt.Errorf("plan node %d: %w", i, err)
		}
		out = append(out, l)
	}
	return out, nil
}

// Consumer is the far end of an edge: input Port of node Node.
type Consumer struct {
	Node, Port int
	Input      Input
}

// Consumers returns for each node the edges that leave it.
func (p *Plan) Consumers() [][]Consumer {
	out := make([][]Consumer, len(p.Nodes))
	for i, n := range p.Nodes {
		for port, in := range n.Inputs {
			out[in.Node] = append(out[in.Node], Consumer{Node: i, Port: port, Input: in})
		}
	}
	return out
}

// NewOperator builds node i's operator with the given environment, whose schemas and append-only
// marks it fills in.
func (p *Plan) NewOperator(i int, env op.Env) (op.Operator, error) {
	n := &p.Nodes[i]
	spec, err := op.Lookup(n.Op)
	if err != nil {
		return nil, err
	}
	env.Out = n.Schema
	for _, in := range n.Inputs {
		env.In = append(env.In, p.Nodes[in.Node].Schema)
		env.AppendOnly = append(env.AppendOnly, p.Nodes[in.Node].AppendOnly)
	}
	return spec.New(n.Config, &env)
}

// MoveColumns renumbers the columns of an object that a stored plan reads.
func MoveColumns(raw json.RawMessage, object uint32, to func(int) int) (json.RawMessage, error) {
	p := new(Plan)
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, fmt.Errorf("stored plan: %w", err)
	}
	if err := p.MoveColumns(object, to); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// MoveColumns renumbers the columns of an object that the plan reads.
func (p *Plan) MoveColumns(object uint32, to func(int) int) error {
	leaves, err := p.Leaves()
	if err != nil {
		return err
	}
	for _, l := range leaves {
		if l.Scan.Object != object {
			continue
		}
		cols := make([]int, len(l.Scan.Cols))
		for i, c := range l.Scan.Cols {
			if cols[i] = c; c >= 0 {
				if cols[i] = to(c); cols[i] < 0 {
					return fmt.Errorf("plan node %d reads column %d of object %d, which is no more", l.Node, c, object)
				}
			}
		}
		l.Scan.Cols = cols
		if p.Nodes[l.Node].Config, err = json.Marshal(l.Scan); err != nil {
			return err
		}
	}
	return nil
}
