// Package sqlerr is the one error type that users see.
//
// A lower layer that knows the user's words makes an *Error with a SQLSTATE code; layers in
// between wrap with %w and keep it findable by As. Whatever is not an *Error when it reaches a
// client is an internal error (XX000).
package sqlerr

import (
	"errors"
	"fmt"
)

// Code is a five-character SQLSTATE as PostgreSQL's appendix A lists them.
type Code string

// The codes that Tidemill raises.
const (
	SuccessfulCompletion       Code = "00000"
	Warning                    Code = "01000"
	FeatureNotSupported        Code = "0A000"
	ProtocolViolation          Code = "08P01"
	ConnectionFailure          Code = "08006"
	CardinalityViolation       Code = "21000"
	NumericValueOutOfRange     Code = "22003"
	NullValueNotAllowed        Code = "22004"
	InvalidDatetimeFormat      Code = "22007"
	DatetimeFieldOverflow      Code = "22008"
	DivisionByZero             Code = "22012"
	InvalidTimeZone            Code = "22023"
	InvalidParameterValue      Code = "22023"
	InvalidRegularExpression   Code = "2201B"
	InvalidRowCountInLimit     Code = "2201W"
	InvalidRowCountInOffset    Code = "2201X"
	SubstringError             Code = "22011"
	CharacterNotInRepertoire   Code = "22021"
	StringDataRightTruncation  Code = "22001"
	InvalidTextRepresentation  Code = "22P02"
	InvalidBinaryRepresent     Code = "22P03"
	InvalidArgumentForLog      Code = "2201E"
	InvalidArgumentForPower    Code = "2201F"
	InvalidEscapeSequence      Code = "22025"
	NotNullViolation           Code = "23502"
	ForeignKeyViolation        Code = "23503"
	UniqueViolation            Code = "23505"
	CheckViolation             Code = "23514"
	InvalidCursorState         Code = "24000"
	ActiveTransaction          Code = "25001"
	ReadOnlyTransaction        Code = "25006"
	NoActiveTransaction        Code = "25P01"
	InFailedTransaction        Code = "25P02"
	InvalidStatementName       Code = "26000"
	InvalidAuthorization       Code = "28000"
	InvalidPassword            Code = "28P01"
	DependentObjects           Code = "2BP01"
	InvalidCursorName          Code = "34000"
	InvalidCatalogName         Code = "3D000"
	InvalidSchemaName          Code = "3F000"
	SerializationFailure       Code = "40001"
	SyntaxError                Code = "42601"
	InsufficientPrivilege      Code = "42501"
	CannotCoerce               Code = "42846"
	GeneratedAlways            Code = "428C9"
	GroupingError              Code = "42803"
	WindowingError             Code = "42P20"
	InvalidRecursion           Code = "42P19"
	InvalidColumnReference     Code = "42P10"
	InvalidName                Code = "42602"
	NameTooLong                Code = "42622"
	ReservedName               Code = "42939"
	DatatypeMismatch           Code = "42804"
	IndeterminateDatatype      Code = "42P18"
	WrongObjectType            Code = "42809"
	UndefinedColumn            Code = "42703"
	UndefinedFunction          Code = "42883"
	UndefinedTable             Code = "42P01"
	UndefinedParameter         Code = "42P02"
	UndefinedObject            Code = "42704"
	DuplicateColumn            Code = "42701"
	DuplicateCursor            Code = "42P03"
	DuplicateDatabase          Code = "42P04"
	DuplicatePreparedStatement Code = "42P05"
	DuplicateSchema            Code = "42P06"
	DuplicateTable             Code = "42P07"
	DuplicateAlias             Code = "42712"
	DuplicateObject            Code = "42710"
	AmbiguousColumn            Code = "42702"
	AmbiguousFunction          Code = "42725"
	InvalidTableDefinition     Code = "42P16"
	InvalidObjectDefinition    Code = "42P17"
	CollationMismatch          Code = "42P21"
	InsufficientResources      Code = "53000"
	DiskFull                   Code = "53100"
	OutOfMemory                Code = "53200"
	TooManyConnections         Code = "53300"
	ConfigurationLimitExceeded Code = "53400"
	ProgramLimitExceeded       Code = "54000"
	StatementTooComplex        Code = "54001"
	TooManyColumns             Code = "54011"
	TooManyArguments           Code = "54023"
	ObjectNotInPrerequisite    Code = "55000"
	ObjectInUse                Code = "55006"
	LockNotAvailable           Code = "55P03"
	QueryCanceled              Code = "57014"
	AdminShutdown              Code = "57P01"
	CannotConnectNow           Code = "57P03"
	IOError                    Code = "58030"
	UndefinedFile              Code = "58P01"
	Internal                   Code = "XX000"
	DataCorrupted              Code = "XX001"
)

// Error is an error in the shape of PostgreSQL's ErrorResponse.
type Error struct {
	Code     Code
	Message  string
	Detail   string
	Hint     string
	Position int // 1-based character offset into the statement text; 0 = unknown

	// Names for constraint and object errors; empty when they do not apply.
	Schema, Table, Column, Type, Constraint string
}

// Error returns the message followed by the code, the form that logs show.
func (e *Error) Error() string { return e.Message + " (SQLSTATE " + string(e.Code) + ")" }

// New makes an Error with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// At sets the position unless an inner layer has set one already, and returns e.
func (e *Error) At(pos int) *Error {
	if e.Position == 0 {
		e.Position = pos
	}
	return e
}

// WithDetail sets the detail line and returns e.
func (e *Error) WithDetail(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// WithHint sets the hint, which says how to mend the statement, and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// As finds the *Error in err's chain; an error that has none becomes an internal error that keeps
// err's text. A nil err gives nil.
func As(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Message: err.Error()}
}

// Unsupported is the error for valid Postgres SQL that Tidemill does not run.
func Unsupported(format string, args ...any) *Error {
	return New(FeatureNotSupported, format, args...)
}
