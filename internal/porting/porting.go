// Package porting writes the directory as JSON lines and takes it in again, also from
// what Keycloak and Dex have of people, links and groups.
//
// The format is versioned and has one JSON object on each line, whose kind says what
// it is. The first line is of kind directory, the last of kind end, which counts the
// lines, so that a file that was cut short is known. Between them stand people, the
// records that connections keep, groups, memberships, mappings and assignments, in
// this order and each sorted by id. No line has a secret.
//
// An import goes through these states, each of which survives a restart:
//
//	reading → checking → checked → applying → done
//	       ↘ refused              ↘ stopped
//
// Reading stages the lines. Checking compares each with the directory and changes
// nothing: every line is then to be created, changed, as it is already, or refused,
// with the fault and where in the line it is. Whoever has seen that applies it: all
// lines, or, where they say so, all but those that are refused. Batches of lines are
// applied one after the other, each in transactions of its own; what was applied before
// is as it is, so that whatever ends on the way goes on.
//
// What an import never does:
//
//   - it links nobody by an address or a name: a person is who has the id or one of the
//     subjects, and two lines that would make one person of two are refused;
//   - it removes nothing, and switches nobody on again who is off here;
//   - it changes nobody whom a role or an administrator protects, and no group that makes
//     a role, as SCIM does not (see package record), and gives no role of an administrator;
//   - it overwrites what a sign-in told of a person.
package porting

import (
	"time"

	"github.com/gatehouse-io/gatehouse/internal/fault"
)

// Version is the version of the format that is written and read.
const Version = 1

// The limits of a file.
const (
	// MaxLine is how many bytes a line has.
	MaxLine = 256 << 10
	// MaxBytes is how many bytes a file has.
	MaxBytes = 1 << 30
	// MaxLines is how many lines a file has.
	MaxLines = 5_000_000
	// MaxIdentities is how many subjects one person has.
	MaxIdentities = 100
)

// The faults of files and imports.
var (
	ErrNotFound = fault.New(fault.NotFound, "import_not_found", "no such import is kept")
	// ErrState refuses what an import is not in the state for.
	ErrState = fault.New(fault.Conflict, "import_state", "this import is not in the state for that: look at it again")
	// ErrRefusedLines refuses to apply what has lines that cannot be.
	ErrRefusedLines = fault.New(fault.Conflict, "import_refused_lines", "lines of this import are refused: put them right and import the file again, or say that all others are to be applied")
	// ErrExpired refuses to apply what was checked too long ago.
	ErrExpired = fault.New(fault.Conflict, "import_expired", "this import was checked more than %s ago: import the file again", ApplyWithin)
	// ErrHeld refuses to apply what was checked for somebody who may do more alone.
	ErrHeld = fault.New(fault.Denied, "import_held", "a second person approves some of what this import may do, and did not have to when it was checked: import the file again")
	// ErrBrokenOff is why a file is refused that stopped coming.
	ErrBrokenOff = fault.New(fault.Invalid, "import_broken_off", "the file did not come to its end: import it again")
	ErrFormat    = fault.New(fault.Invalid, "import_format", "the formats are %s, %s and %s", Gatehouse, Keycloak, Dex).At("format")
	// ErrMapping refuses a connection given for a foreign alias that is not ALIAS=ID of one that is there.
	ErrMapping = fault.New(fault.Invalid, "import_connection", "a connection is given as ALIAS=ID, each alias once, and ID is one of the connections here").At("connections")
	ErrLine    = fault.New(fault.Invalid, "import_line_length", "a line has %d bytes at most", MaxLine)
	ErrTooMany = fault.New(fault.Invalid, "import_lines", "a file has %d lines at most", MaxLines)
	ErrTooBig  = fault.New(fault.Invalid, "import_size", "a file has %d MiB at most", MaxBytes>>20)
	// ErrHeader refuses a file that does not begin as one of this format and version.
	ErrHeader = fault.New(fault.Invalid, "import_header", `the first line is {"kind":"directory","version":%d}: this is no export of a directory, or one of another version`, Version)
	ErrEnd    = fault.New(fault.Invalid, "import_cut_short", "the file was cut short: its last line is of kind end and says how many lines stand before it")
	ErrKind   = fault.New(fault.Invalid, "import_kind", "the kinds of lines are person, user, group, membership, mapping and assignment").At("/kind")
)

// The faults of single lines.
var (
	ErrID          = fault.New(fault.Invalid, "import_id", "an id has 1 to 128 of the characters A-Z a-z 0-9 - _").At("/id")
	ErrSubject     = fault.New(fault.Invalid, "import_subject", "a subject has 1 to 1024 bytes, none of them a control character")
	ErrText        = fault.New(fault.Invalid, "import_text", "a text has 512 bytes at most, none of them a control character")
	ErrMissing     = fault.New(fault.Invalid, "import_value_missing", "this cannot be empty")
	ErrConnection  = fault.New(fault.Invalid, "import_connection_unknown", "there is no such connection here")
	ErrTwice       = fault.New(fault.Conflict, "import_line_twice", "another line of the file has this already")
	ErrTwoPeople   = fault.New(fault.Conflict, "import_two_people", "these belong to more than one person here: an import makes nobody of two")
	ErrReference   = fault.New(fault.Invalid, "import_reference", "neither the file nor the directory has what this names, or its line is refused")
	ErrNobody      = fault.New(fault.Invalid, "import_person_unreachable", "nobody could sign in as this person: they have no subject here, and no record").At("/identities")
	ErrProtected   = fault.New(fault.Denied, "import_protected", "this person or group is protected, or makes a role of an administrator: change it by hand")
	ErrMappingName = fault.New(fault.Conflict, "import_mapping", "the group has another name here: an import takes no name away").At("/name")
	ErrNesting     = fault.New(fault.Invalid, "import_nesting", "a group is not within itself, and groups are nested 8 deep at most").At("/subgroup")
	// ErrFourEyes refuses to do by an import what one person may not do alone.
	ErrFourEyes = fault.New(fault.Denied, "import_four_eyes", "a second person approves this kind of change here, and not of an import: have four eyes asked for applyImport, too")
)

// ApplyWithin is how long what was checked may be applied.
const ApplyWithin = 24 * time.Hour

// Format is what a file is written in.
type Format string

// The formats.
const (
	Gatehouse Format = "gatehouse"
	Keycloak  Format = "keycloak"
	Dex       Format = "dex"
)

// Formats lists every Format.
func Formats() []Format { return []Format{Gatehouse, Keycloak, Dex} }
