package fn

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"tidemill/sql/types"
)

// registry holds all specs by name. It is filled from init functions and sealed by the first look-up:
// from then on it is read without locks, and a late registration is a programming error.
type registry struct {
	mu     sync.Mutex
	sealed atomic.Bool

	scalars    map[string][]*Scalar
	aggregates map[string][]*Aggregate
	tables     map[string][]*Table
	casts      map[castKey]*Cast

	// Sorted lists, made when the registry is sealed.
	scalarList    []*Scalar
	aggregateList []*Aggregate
	tableList     []*Table
	castList      []*Cast
}

// castKey identifies a cast. Arrays share one entry per pair of element-independent IDs.
type castKey struct{ from, to types.ID }

var global = newRegistry()

func newRegistry() *registry {
	return &registry{
		scalars:    map[string][]*Scalar{},
		aggregates: map[string][]*Aggregate{},
		tables:     map[string][]*Table{},
		casts:      map[castKey]*Cast{},
	}
}

// RegisterScalar adds an overload of a scalar function or operator; call it from init only. It
// panics when the same overload exists or when the registry is in use already.
func RegisterScalar(s Scalar) { global.addScalar(s) }

// RegisterAggregate adds an overload of an aggregate function; see RegisterScalar.
func RegisterAggregate(a Aggregate) { global.addAggregate(a) }

// RegisterTable adds an overload of a table function; see RegisterScalar.
func RegisterTable(t Table) { global.addTable(t) }

// RegisterCast adds a cast; see RegisterScalar. Casts between arrays have one entry, whose kernel
// looks at the element types.
func RegisterCast(c Cast) { global.addCast(c) }

// Scalars returns all scalar overloads, sorted by name and argument types.
func Scalars() []*Scalar { return global.seal().scalarList }

// Aggregates returns all aggregate overloads, sorted by name and argument types.
func Aggregates() []*Aggregate { return global.seal().aggregateList }

// Tables returns all table function overloads, sorted by name and argument types.
func Tables() []*Table { return global.seal().tableList }

// Casts returns all registered casts, sorted by source and target type.
func Casts() []*Cast { return global.seal().castList }

// IsAggregate tells whether some aggregate function has this name.
func IsAggregate(name string) bool { return len(global.seal().aggregates[name]) > 0 }

// IsScalar tells whether some scalar function or operator has this name.
func IsScalar(name string) bool { return len(global.seal().scalars[name]) > 0 }

// IsTable tells whether some table function has this name.
func IsTable(name string) bool { return len(global.seal().tables[name]) > 0 }

// IsRecordTable tells whether the table function of this name needs a column definition list.
func IsRecordTable(name string) bool {
	l := global.seal().tables[name]
	return len(l) > 0 && l[0].Record
}

func (r *registry) addScalar(s Scalar) {
	r.open("scalar function " + s.Name)
	defer r.mu.Unlock()
	for _, o := range r.scalars[s.Name] {
		if o.Variadic == s.Variadic && sameTypes(o.Args, s.Args) {
			panic("fn: scalar registered twice: " + signature(s.Name, s.Args))
		}
	}
	if s.Kernel == nil {
		panic("fn: scalar without a kernel: " + signature(s.Name, s.Args))
	}
	r.scalars[s.Name] = append(r.scalars[s.Name], &s)
}

func (r *registry) addAggregate(a Aggregate) {
	r.open("aggregate " + a.Name)
	defer r.mu.Unlock()
	for _, o := range r.aggregates[a.Name] {
		if sameTypes(o.Args, a.Args) {
			panic("fn: aggregate registered twice: " + signature(a.Name, a.Args))
		}
	}
	r.aggregates[a.Name] = append(r.aggregates[a.Name], &a)
}

func (r *registry) addTable(t Table) {
	r.open("table function " + t.Name)
	defer r.mu.Unlock()
	for _, o := range r.tables[t.Name] {
		if o.Variadic == t.Variadic && sameTypes(o.Args, t.Args) {
			panic("fn: table function registered twice: " + signature(t.Name, t.Args))
		}
	}
	r.tables[t.Name] = append(r.tables[t.Name], &t)
}

func (r *registry) addCast(c Cast) {
	r.open("cast")
	defer r.mu.Unlock()
	k := castKey{c.From.ID, c.To.ID}
	if r.casts[k] != nil {
		panic(fmt.Sprintf("fn: cast registered twice: %s to %s", TypeName(c.From), TypeName(c.To)))
	}
	r.casts[k] = &c
}

// open takes the lock for a registration.
func (r *registry) open(what string) {
	r.mu.Lock()
	if r.sealed.Load() {
		r.mu.Unlock()
		panic("fn: " + what + " registered after the registry came into use; register from init")
	}
}

// seal closes the registry for registrations and sorts its lists, once.
func (r *registry) seal() *registry {
	if r.sealed.Load() {
		return r
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sealed.Load() {
		return r
	}
	r.scalarList = sorted(r.scalars, func(s *Scalar) (string, []types.Type) { return s.Name, s.Args })
	r.aggregateList = sorted(r.aggregates, func(a *Aggregate) (string, []types.Type) { return a.Name, a.Args })
	r.tableList = sorted(r.tables, func(t *Table) (string, []types.Type) { return t.Name, t.Args })
	for _, c := range r.casts {
		r.castList = append(r.castList, c)
	}
	slices.SortFunc(r.castList, func(a, b *Cast) int {
		return cmp.Or(cmp.Compare(a.From.ID, b.From.ID), cmp.Compare(a.To.ID, b.To.ID))
	})
	r.sealed.Store(true)
	return r
}

func sorted[S any](m map[string][]S, key func(S) (string, []types.Type)) []S {
	var out []S
	for _, l := range m {
		slices.SortStableFunc(l, func(a, b S) int {
			_, x := key(a)
			_, y := key(b)
			return slices.CompareFunc(x, y, compareTypes)
		})
		out = append(out, l...)
	}
	slices.SortStableFunc(out, func(a, b S) int {
		x, _ := key(a)
		y, _ := key(b)
		return cmp.Compare(x, y)
	})
	return out
}

func compareTypes(a, b types.Type) int {
	if c := cmp.Compare(a.ID, b.ID); c != 0 || a.Elem == nil || b.Elem == nil {
		return c
	}
	return compareTypes(*a.Elem, *b.Elem)
}

func sameTypes(a, b []types.Type) bool {
	return slices.EqualFunc(a, b, func(x, y types.Type) bool { return compareTypes(x, y) == 0 })
}
