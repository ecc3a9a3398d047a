package ast

// Statement is one SQL statement. Query texts inside statements that are stored (views) are kept
// verbatim in Text fields.
type Statement interface{ Position() int }

// ColumnDef is a column of CREATE TABLE or CREATE SOURCE.
type ColumnDef struct {
	Pos
	Name       string
	Type       TypeName
	NotNull    bool
	PrimaryKey bool
	Default    Expr
	Generated  Expr // GENERATED ALWAYS AS (expr) STORED
	Identity   string
	Serial     bool
	Sequence   *SequenceOptions // of an identity column; nil = none given
}

// Constraint is a UNIQUE, CHECK or PRIMARY KEY constraint of a table or one of its columns.
type Constraint struct {
	Pos
	Kind    string // "unique", "check", "primary key"
	Name    string // "" = not given
	Columns []string
	Expr    Expr // of a check
}

// SequenceOptions are those of a sequence; nil = not given.
type SequenceOptions struct {
	Start, Step, Min, Max *int64
	NoMin, NoMax          bool
	Cycle                 *bool
	// Restart is RESTART, with the number to go on with or, given RestartHere, from the start.
	Restart     *int64
	RestartHere bool
	Type        *TypeName
	// OwnedBy is OWNED BY: a column, or "none".
	OwnedBy []string
}

// LikeTable is LIKE table INCLUDING … in a column list.
type LikeTable struct {
	Pos
	Table     []string
	Including map[string]bool // "defaults", "constraints", "indexes", "identity", "generated", "comments"
	At        int             // how many columns stand before it
}

// Option is one key = value of a WITH clause. Value is the text of a string, number, boolean or
// bare word.
type Option struct {
	Pos
	Name  string // dots kept: properties.bootstrap.server
	Value string
}

// Watermark is WATERMARK FOR column AS expr.
type Watermark struct {
	Pos
	Column string
	Expr   Expr
}

// Format is FORMAT <Envelope> ENCODE <Encoding> (options).
type Format struct {
	Pos
	Envelope string // plain, upsert, debezium, … lower case
	Encoding string // json, csv, avro, …
	Options  []Option
}

type (
	// CreateTable is CREATE TABLE; with a connector in Options it is a table fed by a source.
	CreateTable struct {
		Pos
		Name        []string
		IfNotExists bool
		Temp        bool
		Columns     []ColumnDef
		PrimaryKey  []string
		Constraints []Constraint // in the order in which they are written
		Options     []Option
		Watermarks  []Watermark
		Format      *Format
		Likes       []LikeTable
		AsQuery     *Select // CREATE TABLE … AS; Columns then hold names only
		NoData      bool    // WITH NO DATA
		Into        bool    // it was SELECT INTO
	}
	// CreateSource is CREATE SOURCE.
	CreateSource struct {
		Pos
		Name        []string
		IfNotExists bool
		Columns     []ColumnDef
		PrimaryKey  []string
		Include     []IncludeColumn
		Watermarks  []Watermark
		Options     []Option
		Format      *Format
	}
	// IncludeColumn is INCLUDE key|partition|offset|timestamp|header [AS name].
	IncludeColumn struct {
		Pos
		What, As string
	}
	// CreateView is CREATE [MATERIALIZED] VIEW. Text is the whole statement as written and QueryText
	// the query's part of it.
	CreateView struct {
		Pos
		Name         []string
		Materialized bool
		OrReplace    bool
		IfNotExists  bool
		Temp         bool
		Columns      []string
		Options      []Option
		Query        *Select
		Text         string
		QueryText    string
		NoData       bool // WITH NO DATA
	}
	// CreateSink is CREATE SINK name FROM relation or AS query, INTO connector options.
	CreateSink struct {
		Pos
		Name        []string
		IfNotExists bool
		From        []string
		Query       *Select
		QueryText   string
		Options     []Option
		Format      *Format
	}
	// CreateSchema is CREATE SCHEMA.
	CreateSchema struct {
		Pos
		Name        string
		IfNotExists bool
	}
	// CreateIndex is CREATE INDEX name ON relation (columns).
	CreateIndex struct {
		Pos
		Name        string
		IfNotExists bool
		Unique      bool
		Table       []string
		Columns     []OrderItem
		Include     []string
		Where       Expr // of a partial index
	}
	// CreateSequence is CREATE SEQUENCE.
	CreateSequence struct {
		Pos
		Name        []string
		IfNotExists bool
		Temp        bool
		Options     SequenceOptions
	}
	// CreateType is CREATE TYPE name AS ENUM (labels), or AS (fields) when Enum is not set.
	CreateType struct {
		Pos
		Name   []string
		Enum   bool
		Labels []string
		Fields []ColumnDef
	}
	// CreateRole is CREATE ROLE or CREATE USER; AlterRole changes one. Password is nil when unsaid.
	CreateRole struct {
		Pos
		Name    string
		Options RoleOptions
	}
	// AlterRole is ALTER ROLE/USER name WITH ….
	AlterRole struct {
		Pos
		Name    string
		Options RoleOptions
	}
	// Drop is DROP <Kind> names. Kind is "table", "source", "view", "materialized view", "sink",
	// "schema", "index", "role", "connection", "secret", "type", "function".
	Drop struct {
		Pos
		Kind     string
		Names    [][]string
		NamePos  []int
		IfExists bool
		Cascade  bool
	}
	// Alter is ALTER <Kind> name and its first action; More are those behind it.
	Alter struct {
		Pos
		Kind     string
		Name     []string
		IfExists bool
		AlterAction
		More []AlterAction
	}
	// AlterAction is one thing that ALTER does, with its words in Args (rename to x, set (k = v)).
	AlterAction struct {
		At Pos
		// Action of types: "add value" (label, "before" or "after", neighbour; IfExists = IF NOT EXISTS),
		// "rename value", "add attribute", "drop attribute", "alter attribute", "rename attribute".
		Action  string // "rename", "rename column", "set", "set schema", "owner", "add column", "drop column", …
		Args    []string
		Column  *ColumnDef
		Options []Option
		// Constraints are those of an added column, or the one that is added.
		Constraints []Constraint
		Using       Expr // of ALTER COLUMN … TYPE
		IfThere     bool // IF EXISTS, or for ADD COLUMN IF NOT EXISTS
		Cascade     bool
		Sequence    *SequenceOptions // of an identity column or a sequence
	}
	// Comment is COMMENT ON kind name IS text; Text is nil for IS NULL.
	Comment struct {
		Pos
		Kind string
		Name []string
		Text *string
	}
	// Grant is GRANT or REVOKE (Revoke set), carried as words for the catalog to judge.
	Grant struct {
		Pos
		Revoke     bool
		Privileges []string
		Kind       string // "table", "schema", "database", "role", …
		Names      [][]string
		Roles      []string
	}
	// Insert is INSERT INTO.
	Insert struct {
		Pos
		Table      []string
		Alias      string
		Columns    []string
		ColumnPos  []int
		Query      *Select // VALUES arrive as a Select with Values; nil = DEFAULT VALUES
		With       *With
		Overriding string // "system", "user" or ""
		OnConflict *OnConflict
		Returning  []SelectItem
	}
	// OnConflict is ON CONFLICT [(columns)] DO NOTHING | DO UPDATE SET ….
	OnConflict struct {
		Pos
		Columns    []string
		Infer      Expr   // (columns) WHERE …: the rows of the index that is meant
		Constraint string // ON CONSTRAINT name
		Update     bool
		Set        []Assignment
		Where      Expr
	}
	// With is the WITH clause in front of INSERT, UPDATE or DELETE.
	With struct {
		List      []CTE
		Recursive bool
	}
	// Assignment is column = expr in UPDATE. Of (a, b) = (query) each column has the query in Expr, with
	// Of, the number of columns, and which of them it is.
	Assignment struct {
		Pos
		Column    string
		Path      []string // of fields: SET column.a.b = expr
		Expr      Expr
		Field, Of int
	}
	// Update is UPDATE.
	Update struct {
		Pos
		With      *With
		Table     []string
		Alias     string
		Set       []Assignment
		From      []TableExpr
		Where     Expr
		Returning []SelectItem
	}
	// Delete is DELETE FROM.
	Delete struct {
		Pos
		With      *With
		Table     []string
		Alias     string
		Using     []TableExpr
		Where     Expr
		Returning []SelectItem
	}
	// Merge is MERGE INTO.
	Merge struct {
		Pos
		With   *With
		Table  []string
		Alias  string
		Source []TableExpr
		On     Expr
		When   []MergeWhen
	}
	// MergeWhen is WHEN [NOT] MATCHED [AND …] THEN ….
	MergeWhen struct {
		Pos
		Matched    bool
		And        Expr
		Action     string // "update", "delete", "insert", "nothing"
		Set        []Assignment
		Columns    []string
		ColumnPos  []int
		Overriding string
		Values     []Expr // nil = DEFAULT VALUES
	}
	// Truncate is TRUNCATE TABLE.
	Truncate struct {
		Pos
		Tables   [][]string
		TablePos []int
		Restart  bool // RESTART IDENTITY
		Cascade  bool
	}
	// Query is a SELECT, VALUES, TABLE or WITH at statement level.
	Query struct {
		Pos
		Select *Select
	}
	// Explain is EXPLAIN [(options)] statement.
	Explain struct {
		Pos
		Options   []Option // analyze, verbose, format, state, … lower case
		Statement Statement
	}
	// Show is SHOW <What>: a setting ("timezone"), or "tables", "sources", "materialized views",
	// "sinks", "views", "schemas", "databases", "all", "columns from"/"create …" with Name.
	Show struct {
		Pos
		What string
		Name []string
		Like string
	}
	// Describe is DESCRIBE relation.
	Describe struct {
		Pos
		Name []string
	}
	// Set is SET [SESSION|LOCAL] name = value; Value nil = DEFAULT. RESET arrives as DEFAULT, RESET ALL
	// with Name "all".
	Set struct {
		Pos
		Local bool
		Name  string
		Value *string
	}
	// Transaction is BEGIN/START ("begin"), "commit", "rollback", "savepoint", "release",
	// "rollback to", "set transaction"; Name is a savepoint, Modes the words after it, one entry a mode
	// ("isolation level serializable", "read only", "and chain"). SET SESSION CHARACTERISTICS is
	// "set transaction" with Name "session".
	Transaction struct {
		Pos
		Kind  string
		Name  string
		Modes []string
	}
	// Prepare is PREPARE name (types) AS statement.
	Prepare struct {
		Pos
		Name      string
		Types     []TypeName
		Statement Statement
		Text      string
	}
	// Execute is EXECUTE name (args).
	Execute struct {
		Pos
		Name string
		Args []Expr
	}
	// Deallocate is DEALLOCATE name; Name "" = ALL.
	Deallocate struct {
		Pos
		Name string
	}
	// Declare is DECLARE name CURSOR FOR query.
	Declare struct {
		Pos
		Name    string
		Hold    bool
		Binary  bool
		Scroll  bool
		Query   *Select
		Changes *Subscribe // when the cursor is over SUBSCRIBE
	}
	// Fetch is FETCH or MOVE (Move set). Count −1 = ALL.
	Fetch struct {
		Pos
		Move      bool
		Direction string // "next", "forward", "prior", …
		Count     int64
		Name      string
		Options   []Option
	}
	// CloseCursor is CLOSE name; Name "" = ALL.
	CloseCursor struct {
		Pos
		Name string
	}
	// Copy is COPY relation|query FROM/TO STDIN/STDOUT with options.
	Copy struct {
		Pos
		Table   []string
		Columns []string
		Query   *Select
		Changes *Subscribe // of COPY (SUBSCRIBE …) TO
		From    bool
		Options []Option
	}
	// Discard is DISCARD ALL|PLANS|SEQUENCES|TEMP.
	Discard struct {
		Pos
		What string
	}
	// Listen is LISTEN ("listen"), UNLISTEN ("unlisten"; Channel "" = *) or NOTIFY ("notify").
	Listen struct {
		Pos
		Kind, Channel, Payload string
	}
	// Verify is VERIFY MATERIALIZED VIEW name: rerun the definition as batch and compare.
	Verify struct {
		Pos
		Name []string
	}
	// Subscribe is SUBSCRIBE [TO] relation|query.
	Subscribe struct {
		Pos
		Name    []string
		Query   *Select
		Options []Option
	}
	// Lock is LOCK TABLE; Mode is "access exclusive" and the like.
	Lock struct {
		Pos
		Tables   [][]string
		TablePos []int
		Mode     string
	}
	// NoOp is a statement that is accepted and does nothing here (ANALYZE, VACUUM, CHECKPOINT, …);
	// Tag is its command tag.
	NoOp struct {
		Pos
		Tag string
	}
)

// RoleOptions are the attributes of CREATE/ALTER ROLE that were written; nil = unsaid.
type RoleOptions struct {
	Login, Superuser *bool
	Password         *string
	PasswordNull     bool
	ConnLimit        *int
}
