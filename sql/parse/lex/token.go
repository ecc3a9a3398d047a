package lex

import "tidemill/sql/sqlerr"

// Kind is the lexical class of a token.
type Kind uint8

// The kinds of tokens.
const (
	EOF     Kind = iota
	Word         // unquoted identifier or keyword; Text is folded to lower case
	Quoted       // "identifier"; Text is its content
	String       // string constant of any spelling; Text is its value
	Bits         // B'…' or X'…'; Text keeps the prefix letter and quotes
	Integer      // digits only after removing underscores; 0x, 0o, 0b converted to decimal
	Numeric      // with point or exponent
	Param        // $n; Text is the digits
	Op           // operator
	Punct        // ( ) [ ] , ; . .. : :: := => and, for row patterns, { } $
	Bad          // what the scanner could not read; the last token before EOF
)

// Token is one lexical element.
type Token struct {
	Kind       Kind
	Class      Class // keyword class of a Word
	AsLabel    bool  // the keyword needs AS to be a column label
	Text       string
	Start, End int           // byte range in the source
	Pos        int           // 1-based character position of Start
	Match      int           // index of the partner of a bracket; 0 otherwise
	Err        *sqlerr.Error // of a Bad token
}

// Is tells whether t is the unquoted word w (lower case).
func (t *Token) Is(w string) bool { return t.Kind == Word && t.Text == w }

// IsOp tells whether t is the operator op.
func (t *Token) IsOp(op string) bool { return t.Kind == Op && t.Text == op }

// IsPunct tells whether t is the punctuation p.
func (t *Token) IsPunct(p string) bool { return t.Kind == Punct && t.Text == p }

// IsColID tells whether t may name a column, table or alias without AS (Postgres's ColId).
func (t *Token) IsColID() bool {
	return t.Kind == Quoted || t.Kind == Word && (t.Class == Plain || t.Class == Unreserved || t.Class == ColName)
}

// IsTypeFunc tells whether t may name a function or a type (Postgres's type_function_name).
func (t *Token) IsTypeFunc() bool {
	return t.Kind == Quoted || t.Kind == Word && (t.Class == Plain || t.Class == Unreserved || t.Class == TypeFunc)
}

// IsLabel tells whether t may be a label after AS or after a dot: any word (Postgres's ColLabel).
func (t *Token) IsLabel() bool { return t.Kind == Quoted || t.Kind == Word }

// IsBareLabel tells whether t may be a column label without AS.
func (t *Token) IsBareLabel() bool { return t.Kind == Quoted || t.Kind == Word && !t.AsLabel }
