package pgquery

import "tidemill/sql/ast"

func (o *ours) createType(n *ast.CreateType) string {
	if n.Enum {
		return node("createenum", words(n.Name), list(eachWord(n.Labels)))
	}
	return node("createcomposite", words(n.Name), list(o.defs(n.Fields)))
}

// lockModes are the modes of LOCK TABLE by PostgreSQL's numbers (storage/lockdefs.h), which begin at 1.
var lockModes = []string{"access share", "row share", "row exclusive", "share update exclusive", "share", "share row exclusive", "exclusive", "access exclusive"}

// object writes statements about types, sequences and locks.
func (t *theirs) object(k string, o object) string {
	switch k {
	case "LockStmt":
		return node("lock", word(lockModes[integer(o["mode"])-1]), list(t.relations(o["relations"])))
	case "CreateEnumStmt":
		return node("createenum", words(names(o["typeName"])), list(eachWord(names(o["vals"]))))
	case "CompositeTypeStmt":
		return node("createcomposite", relation(o["typevar"]), list(t.defs(o["coldeflist"])))
	case "CreateSeqStmt":
		return node("createsequence", relation(o["sequence"]), flag("ifnotexists", truth(o["if_not_exists"])))
	case "AlterSeqStmt", "AlterEnumStmt":
		return "(alter)"
	}
	return t.strange(k)
}
