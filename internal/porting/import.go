package porting

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/event"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// State is how far an import is.
type State string

// The states.
const (
	Reading  State = "reading"
	Checking State = "checking"
	Checked  State = "checked"
	Applying State = "applying"
	Done     State = "done"
	// Refused is a file of which nothing was taken, Stopped an import that could not go on.
	Refused State = "refused"
	Stopped State = "stopped"
)

// States lists every State.
func States() []State {
	return []State{Reading, Checking, Checked, Applying, Done, Refused, Stopped}
}

// Import is a file on its way into the directory.
type Import struct {
	ID     string `json:"id"`
	State  State  `json:"state"`
	Format Format `json:"format"`
	// Options are how the file was to be taken.
	Options Options `json:"options,omitzero"`
	// Lines is how many lines were read, Looked how many of them this state has looked at.
	Lines  int `json:"lines"`
	Looked int `json:"looked"`
	// Counts are what becomes, or became, of the lines, by kind.
	Counts []Count `json:"counts"`
	// Notes are what the file has that has no place here.
	Notes []Note `json:"notes,omitempty"`
	// Fault is why the file was refused or the import stopped.
	Fault *Trouble `json:"fault,omitempty"`
	// SkipRefused says that all lines but those that are refused are applied.
	SkipRefused bool           `json:"skip_refused,omitempty"`
	By          identity.Actor `json:"by"`
	// AppliedBy is who had it applied.
	AppliedBy identity.Actor `json:"applied_by,omitzero"`
	Created   time.Time      `json:"created"`
	// Read is when some of the file came last, of one that takes long to come.
	Read     time.Time `json:"read,omitzero"`
	Checked  time.Time `json:"checked,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	// Version is the compare-and-swap counter; the store advances it.
	Version int64 `json:"version"`
	// After is the place of the last line that was looked at.
	After []byte `json:"-"`
}

// Options are how a foreign file is taken.
type Options struct {
	// Connections say which connection here an alias of the file is.
	Connections map[string]string `json:"connections,omitempty"`
	// Subjects is the connection over which people sign in with the foreign broker itself,
	// whose sub is the id of the user: "" for none. Of Keycloak alone.
	Subjects string `json:"subjects,omitempty"`
	// Groups is the connection that keeps the file's groups, which has to take SCIM: "" leaves
	// them out.
	Groups string `json:"groups,omitempty"`
	// Held are the kinds of change that the importer may not make alone.
	Held []string `json:"held,omitempty"`
}

// Trouble is a fault as it is kept and shown.
type Trouble struct {
	Code string `json:"code"`
	// Pointer says where: of an import the line, of a line a JSON pointer.
	Pointer string `json:"pointer,omitempty"`
	Detail  string `json:"detail"`
}

// trouble is what may be shown of an error.
func trouble(err error) *Trouble {
	f := fault.As(err)
	return &Trouble{Code: f.Code, Pointer: f.Pointer, Detail: f.Detail}
}

// Fault is what is wrong with one line.
type Fault struct {
	// Seq is which it is of what was read: several may be of one line of a foreign file.
	Seq  int  `json:"-"`
	Line int  `json:"line"`
	Kind Kind `json:"kind,omitempty"`
	Trouble
}

// Outcome is what becomes of a line.
type Outcome string

// The outcomes. Create and Change are what is to be done, the others what is so.
const (
	Unlooked  Outcome = "unlooked"
	Create    Outcome = "create"
	Change    Outcome = "change"
	Created   Outcome = "created"
	Changed   Outcome = "changed"
	Unchanged Outcome = "unchanged"
	LineOut   Outcome = "refused"
)

// Staged is a line of an import as it is kept.
type Staged struct {
	// Seq counts what was read from 1, Number is the line of the file.
	Seq     int
	Number  int
	Kind    Kind
	Place   []byte
	Line    Line
	Outcome Outcome
	// Ref is the id here of what the line describes; empty until it was looked at.
	Ref string
	// Trouble is set for one that is refused.
	Trouble *Trouble
	// Names are the keys that the line takes: no other line of the file has them.
	Names []Name
	// Owner is a key that several lines may have; nil for none.
	Owner []byte
}

// Twice refuses the line for what another has already.
func (l Staged) Twice(pointer string, other int) Staged {
	l.Outcome, l.Trouble, l.Names, l.Owner = LineOut, trouble(ErrTwice.At(pointer)), nil, nil
	l.Trouble.Detail = fmt.Sprintf("line %d of the file has this already", other)
	return l
}

// Name is a key that a line takes, and where in the line it is from.
type Name struct {
	Key     []byte
	Pointer string
}

// Named is the line that took a key.
type Named struct {
	Number  int
	Refused bool
	// Ref is the id here of what the line describes; empty until it was looked at.
	Ref string
}

// Store keeps imports and their lines.
type Store interface {
	CreateImport(ctx context.Context, i Import, events []event.Event) error
	// Import returns one, or ErrNotFound.
	Import(ctx context.Context, id string) (Import, error)
	// Imports returns up to limit imports, the newest first, that are older than the one
	// with the id after; empty begins with the newest.
	Imports(ctx context.Context, after string, limit int) ([]Import, error)
	// Unfinished returns the id of the oldest import that is checking or applying, or "".
	Unfinished(ctx context.Context) (string, error)
	// Readings returns the imports whose files are being read.
	Readings(ctx context.Context) ([]Import, error)
	// UpdateImport changes one in a transaction.
	UpdateImport(ctx context.Context, id string, change func(Import) (Import, []event.Event, error)) (Import, error)
	// DropLines forgets the lines of an import but those that are refused; all forgets the
	// import with them.
	DropLines(ctx context.Context, id string, all bool, events []event.Event) error
	// Record writes an event that changes no row.
	Record(ctx context.Context, events []event.Event) error
	Lineage
}

// Lineage keeps the lines of imports.
type Lineage interface {
	// StageLines keeps lines of an import that is being read, else it fails with ErrState.
	// One that has a name which another line took is refused with ErrTwice. It returns how
	// many are refused, by kind.
	StageLines(ctx context.Context, id string, lines []Staged) (refused map[Kind]int, err error)
	// NextLines returns up to limit lines behind a place with one of the outcomes, in the
	// order of their places.
	NextLines(ctx context.Context, id string, after []byte, limit int, outcomes ...Outcome) ([]Staged, error)
	// SettleLines keeps what became of lines, and the import, if its version is still that;
	// else it fails with ErrState.
	SettleLines(ctx context.Context, i Import, lines []Staged) error
	// NamedLines returns the lines that took keys, by the key.
	NamedLines(ctx context.Context, id string, keys [][]byte) (map[string]Named, error)
	// Faults returns up to limit refused lines behind a Seq, in the order of the file.
	Faults(ctx context.Context, id string, after, limit int) ([]Fault, error)
}

// key is a short name of what is unique in a file.
func key(of ...string) []byte {
	sum := sha256.Sum256([]byte(strings.Join(of, "\x00")))
	return sum[:16]
}

func personKey(id string) []byte            { return key("person", id) }
func ownerKey(id string) []byte             { return key("owner", id) }
func userKey(connection, id string) []byte  { return key("user", connection, id) }
func groupKey(connection, id string) []byte { return key("group", connection, id) }

// stage is a line as it is kept at first.
func stage(r Read, seq int) Staged {
	s := Staged{Seq: seq, Number: r.Number, Line: r.Line, Outcome: Unlooked}
	if r.Line != nil {
		s.Kind = r.Line.LineKind()
	}
	if r.Fault != nil {
		s.Outcome, s.Trouble = LineOut, trouble(r.Fault)
	}
	s.Place = place(s)
	if r.Fault == nil {
		s.Names, s.Owner = names(r.Line)
	}
	return s
}

// place orders lines by kind, memberships by their group, and then as in the file.
func place(s Staged) []byte {
	at := make([]byte, 1, 17)
	for i, k := range Kinds() {
		if k == s.Kind {
			at[0] = byte(i + 1)
		}
	}
	group := make([]byte, 8)
	if m, ok := s.Line.(Membership); ok {
		group = groupKey(m.Connection, m.Group)[:8]
	}
	return binary.BigEndian.AppendUint64(append(at, group...), uint64(s.Seq))
}

// names are the keys that a line takes, the one by which others name it first.
func names(line Line) (all []Name, owner []byte) {
	add := func(pointer string, of ...string) { all = append(all, Name{key(of...), pointer}) }
	switch l := line.(type) {
	case Person:
		if l.ID != "" {
			add("/id", "person", l.ID)
		}
		for i, id := range l.Identities {
			add(identityAt(i), "identity", id.Connection, id.Subject)
		}
	case User:
		add("/id", "user", l.Connection, l.ID)
		add("/user_name", "name", l.Connection, strings.ToLower(l.UserName))
		if l.ExternalID != "" {
			add("/external_id", "external", l.Connection, l.ExternalID)
		}
		if l.Person != "" {
			owner = ownerKey(l.Person)
		}
	case Group:
		add("/id", "group", l.Connection, l.ID)
		if l.ExternalID != "" {
			add("/external_id", "external group", l.Connection, l.ExternalID)
		}
	case Membership:
		add("", "membership", l.Connection, l.Group, l.User, l.Subgroup)
	case Mapping:
		add("/group", "mapping", l.Connection, l.Group)
	case Assignment:
		add("/whom", "assignment", l.App, l.Role, l.Whom.Kind(), l.Whom.Person, l.Whom.Group.Connection, l.Whom.Group.ID, l.Whom.Attribute.Name, strings.Join(l.Whom.Attribute.Values, "\x00"))
	}
	return all, owner
}
