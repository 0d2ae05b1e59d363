package staff

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// Options describe how the broker is told. All fields are required.
type Options struct {
	// BaseURL is that of the SCIM connection, Token its bearer token.
	BaseURL, Token string
	Roster         *Roster
	// Groups are the names of all groups.
	Groups []string
	Client *http.Client
	Now    func() time.Time
}

// Pusher tells the broker who works here and who is in which group.
type Pusher struct {
	o      Options
	client *client

	mu     sync.Mutex // one push at a time
	groups map[string]string
}

// NewPusher returns a Pusher.
func NewPusher(o Options) *Pusher {
	return &Pusher{o: o, client: &client{base: o.BaseURL, token: o.Token, http: o.Client, now: o.Now}, groups: map[string]string{}}
}

// Push makes the connection say what the Roster says, and returns what it changed for
// that, also what the broker refused. It fails when the broker cannot be asked.
func (p *Pusher) Push(ctx context.Context) ([]Call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &round{Pusher: p}
	err := r.everybody(ctx, p.o.Roster.People())
	if err == nil {
		err = r.everyGroup(ctx)
	}
	var no *refused
	if errors.As(err, &no) {
		return append(r.calls, no.Call), nil // it may not even look: who asks is told why
	}
	return r.calls, err
}

// Groups returns the broker's ids of the groups that a push found or made, by name.
func (p *Pusher) Groups() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]string{}
	for name, id := range p.groups {
		all[name] = id
	}
	return all
}

// round is one push.
type round struct {
	*Pusher
	there map[string]user // by external id
	calls []Call
}

// everybody creates and changes people, managers before those whom they manage.
func (r *round) everybody(ctx context.Context, people []idp.Person) error {
	ids := make([]string, len(people))
	for i, who := range people {
		ids[i] = who.Subject
	}
	found, err := find[user](ctx, r.client, "/Users", "groups", ids)
	if err != nil {
		return err
	}
	r.there = map[string]user{}
	for _, u := range found {
		r.there[u.ExternalID] = u
	}
	records := map[string]string{}
	for _, who := range managersFirst(people) {
		id, err := r.person(ctx, who, records[who.Manager])
		if err != nil {
			return err
		}
		if records[who.Username] = id; id == who.Record {
			continue
		}
		if _, err := r.o.Roster.change(who.Username, func(p *idp.Person) { p.Record = id }); err != nil {
			return err
		}
	}
	return nil
}

// managersFirst orders people so that who manages comes before whom they manage, as far
// as nobody manages their own manager.
func managersFirst(people []idp.Person) []idp.Person {
	var all []idp.Person
	begun := map[string]bool{}
	var take func(username string)
	take = func(username string) {
		i := slices.IndexFunc(people, func(p idp.Person) bool { return p.Username == username })
		if i < 0 || begun[username] {
			return
		}
		begun[username] = true
		take(people[i].Manager)
		all = append(all, people[i])
	}
	for _, who := range people {
		take(who.Username)
	}
	return all
}

// person makes the broker know one person, and returns the id that it has for them, empty
// for none.
func (r *round) person(ctx context.Context, who idp.Person, manager string) (string, error) {
	want := userOf(who, manager)
	is, known := r.there[who.Subject]
	switch {
	case !known && who.Left:
		return "", nil
	case !known:
		call, err := r.client.do(ctx, Call{Does: "create " + who.Username, Method: http.MethodPost, Path: "/Users"}, want, &is)
		r.calls = append(r.calls, call)
		return is.ID, err
	}
	steps, does := changes(is, want)
	if len(steps) == 0 {
		return is.ID, nil
	}
	call, err := r.client.do(ctx, Call{Does: does + " " + who.Username, Method: http.MethodPatch, Path: "/Users/" + is.ID}, message(steps), nil)
	r.calls = append(r.calls, call)
	return is.ID, err
}

// everyGroup creates groups and changes who is in them.
func (r *round) everyGroup(ctx context.Context) error {
	ids := make([]string, len(r.o.Groups))
	for i, name := range r.o.Groups {
		ids[i] = idp.GroupID(name)
	}
	found, err := find[group](ctx, r.client, "/Groups", "", ids)
	if err != nil {
		return err
	}
	people := r.o.Roster.People()
	for _, name := range r.o.Groups {
		i := slices.IndexFunc(found, func(g group) bool { return g.ExternalID == idp.GroupID(name) })
		is := group{}
		if i >= 0 {
			is = found[i]
		}
		if err := r.group(ctx, name, is, people); err != nil {
			return err
		}
	}
	return nil
}

// group makes the broker know one group and those of its members who work here: others
// that somebody put there are none of Acme's.
func (r *round) group(ctx context.Context, name string, is group, people []idp.Person) error {
	var add, remove []value
	for _, who := range people {
		if who.Record == "" {
			continue
		}
		v := value{who.Record}
		switch in, wanted := slices.Contains(is.Members, v), slices.Contains(who.Groups, name); {
		case wanted && !in:
			add = append(add, v)
		case in && !wanted:
			remove = append(remove, v)
		}
	}
	if is.ID == "" {
		call, err := r.client.do(ctx, Call{Does: "create the group " + name, Method: http.MethodPost, Path: "/Groups"}, groupOf(name, add), &is)
		r.calls = append(r.calls, call)
		if err == nil && is.ID != "" {
			r.groups[name] = is.ID
		}
		return err
	}
	r.groups[name] = is.ID
	steps := memberSteps(add, remove)
	if is.DisplayName != name {
		steps = append(steps, step{Op: "replace", Path: "displayName", Value: name})
	}
	if len(steps) == 0 {
		return nil
	}
	call, err := r.client.do(ctx, Call{Does: "change the group " + name, Method: http.MethodPatch, Path: "/Groups/" + is.ID}, message(steps), nil)
	r.calls = append(r.calls, call)
	return err
}
