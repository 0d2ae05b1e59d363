package porting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/directory/record"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/identity"
)

// part is the lines of one connection, by where they are in the batch.
type part struct {
	connection string
	policy     record.Policy
	lines      []*Staged
}

// refs are the ids here of what the lines describe.
func (p *part) refs() []string {
	all := make([]string, len(p.lines))
	for n, line := range p.lines {
		all[n] = line.Ref
	}
	return all
}

// left are the lines that are not refused.
func (p *part) left() []*Staged {
	return slices.DeleteFunc(slices.Clone(p.lines), func(line *Staged) bool { return line.Outcome == LineOut })
}

// wantedOf reads the records that lines describe. A line that says what its connection
// does not take is refused.
func wantedOf[L, R any](p part, read func(L) (R, error)) (map[*Staged]R, error) {
	all := map[*Staged]R{}
	for _, line := range p.lines {
		l, _ := line.Line.(L)
		want, err := read(l)
		switch {
		case err == nil:
			all[line] = want
		case fault.KindOf(err) == fault.Invalid:
			line.refuse(inAttributes(err))
		default:
			return nil, err
		}
	}
	return all, nil
}

// byConnection does something for the lines of each connection. Those of one that takes
// no SCIM are refused.
func (s *Service) byConnection(ctx context.Context, i *Import, lines []Staged, do func(context.Context, *Import, part) error) ([]Staged, error) {
	settled := make([]Staged, len(lines))
	parts := map[string]*part{}
	var order []string
	for n, l := range lines {
		settled[n] = l
		id := connectionOf(l.Line)
		if parts[id] == nil {
			parts[id], order = &part{connection: id}, append(order, id)
		}
		parts[id].lines = append(parts[id].lines, &settled[n])
	}
	for _, id := range order {
		p := parts[id]
		var err error
		if p.policy, err = s.policy(ctx, id); err != nil {
			if endsBatch(err) {
				return nil, err
			}
			for _, l := range p.lines {
				l.refuse(fault.As(err).At("/connection"))
			}
			continue
		}
		if err := do(ctx, i, *p); err != nil {
			return nil, err
		}
	}
	return settled, nil
}

func (s *Service) policy(ctx context.Context, id string) (record.Policy, error) {
	known, err := s.o.Connections.Known(ctx, id)
	if err == nil && !known {
		err = ErrConnection
	}
	if err != nil {
		return record.Policy{}, err
	}
	return s.o.Connections.Policy(ctx, id)
}

func connectionOf(line Line) string {
	switch l := line.(type) {
	case User:
		return l.Connection
	case Group:
		return l.Connection
	case Membership:
		return l.Connection
	}
	return ""
}

// operation is what the records of an import come from.
func (s *Service) operation(i *Import, connection string) record.Operation {
	now := s.now()
	return record.Operation{
		ID: identity.NewOrderedID(now), Connection: connection, Kind: "Import: " + string(i.Format), Method: "POST", Path: "/imports/" + i.ID, Actor: i.actor(), Time: now,
	}
}

// freshID is the id of a new record: that of the file, unless somebody has or had it.
func freshID(id string, taken []string) string {
	if IsID(id) && !slices.Contains(taken, id) {
		return id
	}
	return identity.NewID()
}

func sameJSON(a, b map[string]any) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	was, err := json.Marshal(a)
	is, other := json.Marshal(b)
	return err == nil && other == nil && string(was) == string(is)
}

// spare refuses lines that would change somebody, or a group, that is protected.
func (s *Service) spare(ctx context.Context, p part, people, groups []string, of func(*Staged) []string) error {
	if p.policy.Touch {
		return nil
	}
	protected, err := s.o.Found.Protected(ctx, p.connection, p.policy, people, groups)
	if err != nil {
		return err
	}
	for _, line := range p.lines {
		if line.Outcome != Create && line.Outcome != Change {
			continue
		}
		if slices.ContainsFunc(of(line), func(id string) bool { return protected[id] }) {
			line.refuse(ErrProtected)
		}
	}
	return nil
}

// inAttributes points into the attributes, whose own faults name a SCIM attribute.
func inAttributes(err error) error {
	f := fault.As(err)
	if f.Pointer != "" {
		return f.At("/attributes/" + f.Pointer)
	}
	return f.At("/attributes")
}

// make makes records, and settles their lines.
func (s *Service) make(ctx context.Context, connection string, news []record.New, lines []*Staged) error {
	if len(news) == 0 {
		return nil
	}
	made, err := s.o.Records.Create(ctx, connection, news)
	if err != nil {
		return err
	}
	for n, m := range made {
		err := m.Err
		if errors.Is(err, record.ErrTaken) {
			err = fault.As(err).At("/" + map[string]string{"userName": "user_name", "externalId": "external_id", "displayName": "display_name"}[fault.As(err).Pointer])
		}
		if m.User.ID+m.Group.ID != "" {
			lines[n].Ref = m.User.ID + m.Group.ID
		}
		if err := lines[n].settle(err); err != nil {
			return err
		}
	}
	return nil
}

// endsBatch reports whether an error is no fault of what a line says.
func endsBatch(err error) bool {
	kind := fault.KindOf(err)
	return err != nil && (kind == fault.Internal || kind == fault.Unavailable)
}

// settle is what became of a line that was to be applied: a fault of its own refuses it,
// any other ends the batch.
func (l *Staged) settle(err error) error {
	switch {
	case err == nil:
		if done, ok := map[Outcome]Outcome{Create: Created, Change: Changed}[l.Outcome]; ok {
			l.Outcome = done
		}
		return nil
	case endsBatch(err):
		return fmt.Errorf("line %d: %w", l.Number, err)
	}
	l.refuse(err)
	return nil
}

// each settles lines one by one. A fault of a line refuses it, any other ends the batch.
func each(lines []Staged, do func(*Staged) error) ([]Staged, error) {
	settled := make([]Staged, len(lines))
	for n := range lines {
		settled[n] = lines[n]
		err := do(&settled[n])
		switch {
		case err == nil:
		case endsBatch(err):
			return nil, err
		default:
			settled[n].refuse(err)
		}
	}
	return settled, nil
}

// slashed makes a JSON pointer of where a fault points.
func slashed(err error) error {
	f := fault.As(err)
	if f.Pointer == "" || strings.HasPrefix(f.Pointer, "/") {
		return err
	}
	return f.At("/" + strings.ReplaceAll(f.Pointer, ".", "/"))
}

// refuse leaves a line out of the import, for a fault of its own.
func (l *Staged) refuse(err error) {
	l.Outcome, l.Trouble = LineOut, trouble(err)
}
