package lex

import "strings"

// Class is Postgres's class of a keyword, which decides where the word may be a name.
type Class uint8

// The classes of keywords.
const (
	Plain      Class = iota // not a keyword
	Unreserved              // may name anything
	ColName                 // may name columns and tables but not functions or types
	TypeFunc                // may name functions and types but not columns or tables
	Reserved                // may be a label only
)

// The keyword lists are those of PostgreSQL 15 (pg_get_keywords()).
const (
	unreserved = `
abort absolute access action add admin after aggregate also alter always asensitive assertion 
assignment at atomic attach attribute backward before begin breadth by cache call called 
cascade cascaded catalog chain characteristics checkpoint class close cluster columns comment 
comments commit committed compression configuration conflict connection constraints content 
continue conversion copy cost csv cube current cursor cycle data database day deallocate 
declare defaults deferred definer delete delimiter delimiters depends depth detach dictionary 
disable discard document domain double drop each enable encoding encrypted enum escape event 
exclude excluding exclusive execute explain expression extension external family filter 
finalize first following force forward function functions generated global granted groups 
handler header hold hour identity if immediate immutable implicit import include including 
increment index indexes inherit inherits inline input insensitive insert instead invoker 
isolation key label language large last leakproof level listen load local location lock locked 
logged mapping match matched materialized maxvalue merge method minute minvalue mode month 
move name names new next nfc nfd nfkc nfkd no normalized nothing notify nowait nulls object of 
off oids old operator option options ordinality others over overriding owned owner parallel 
parameter parser partial partition passing password plans policy preceding prepare prepared 
preserve prior privileges procedural procedure procedures program publication quote range read 
reassign recheck recursive ref referencing refresh reindex relative release rename repeatable 
replace replica reset restart restrict return returns revoke role rollback rollup routine 
routines rows rule savepoint schema schemas scroll search second security sequence sequences 
serializable server session set sets share show simple skip snapshot sql stable standalone 
start statement statistics stdin stdout storage stored strict strip subscription support sysid 
system tables tablespace temp template temporary text ties transaction transform trigger 
truncate trusted type types uescape unbounded uncommitted unencrypted unknown unlisten 
unlogged until update vacuum valid validate validator value varying version view views 
volatile whitespace within without work wrapper write xml year yes zone
`
	colName = `
between bigint bit boolean char character coalesce dec decimal exists extract float greatest 
grouping inout int integer interval least national nchar none normalize nullif numeric out 
overlay position precision real row setof smallint substring time timestamp treat trim values 
varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi 
xmlroot xmlserialize xmltable
`
	typeFunc = `
authorization binary collation concurrently cross current_schema freeze full ilike inner is 
isnull join left like natural notnull outer overlaps right similar tablesample verbose
`
	reserved = `
all analyse analyze and any array as asc asymmetric both case cast check collate column 
constraint create current_catalog current_date current_role current_time current_timestamp 
current_user default deferrable desc distinct do else end except false fetch for foreign from 
grant group having in initially intersect into lateral leading limit localtime localtimestamp 
not null offset on only or order placing primary references returning select session_user some 
symmetric table then to trailing true union unique user using variadic when where window with
`
	// asLabel are the words that are a column label only after AS.
	asLabel = `
array as char character create day except fetch filter for from grant group having hour 
intersect into isnull limit minute month notnull offset on order over overlaps precision 
returning second to union varying where window with within without year
`
)

type keyword struct {
	class   Class
	asLabel bool
}

var keywords = makeKeywords()

func makeKeywords() map[string]keyword {
	m := map[string]keyword{}
	for class, list := range map[Class]string{Unreserved: unreserved, ColName: colName, TypeFunc: typeFunc, Reserved: reserved} {
		for _, w := range strings.Fields(list) {
			m[w] = keyword{class: class}
		}
	}
	for _, w := range strings.Fields(asLabel) {
		m[w] = keyword{class: m[w].class, asLabel: true}
	}
	return m
}

// IsReserved tells whether the bare word w could not be read back as a name of any kind: every
// keyword that is not unreserved counts, as in Postgres's quote_ident.
func IsReserved(w string) bool {
	k, ok := keywords[w]
	return ok && k.class != Unreserved
}
