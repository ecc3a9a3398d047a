package query

import "tidemill/sql/ast"

// windowArg writes an argument of a window function. Beside plain arguments it takes the forms of
// SQL:2016: TABLE name, PARTITION BY behind the relation, and DESCRIPTOR(columns).
func (d *desugar) windowArg(n *ast.Call, count int) {
	if count > 1 && d.c.Is("descriptor") && d.c.At(1).IsPunct("(") {
		d.c.Next()
		d.enter()
		d.c.ExpectPunct("(")
		d.list("columns", func() { d.expr(lvNone) })
		d.c.ExpectPunct(")")
		d.leave()
		return
	}
	if count == 1 && d.c.Is("table") {
		d.c.Next()
	}
	d.expr(lvNone)
	if count > 1 || !d.c.Is("partition", "by") {
		return
	}
	d.c.Accept("partition", "by")
	column := func() {
		pos := d.c.Pos()
		n.Partition = append(n.Partition, &ast.ColumnRef{Pos: ast.Pos(pos), Parts: d.c.Name()})
	}
	if !d.c.AcceptPunct("(") {
		column()
		return
	}
	for column(); d.c.AcceptPunct(","); column() {
	}
	d.c.ExpectPunct(")")
}
