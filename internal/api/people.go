package api

import (
	"net/http"
	"strconv"

	"github.com/gatehouse-io/gatehouse/internal/directory"
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/grant"
)

// The sizes of pages.
const (
	defaultPage = 100
	maxPage     = 1000
)

// people is a page of the directory, by name; Next continues it as parameter after.
type people struct {
	People []directory.Person `json:"people"`
	Next   string             `json:"next,omitempty"`
}

// access is what an app holds in a person's name.
type access = grant.Access

// limit reads the size of a page.
func limit(r *http.Request) (int, error) {
	value := r.URL.Query().Get("limit")
	if value == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxPage {
		return 0, fault.New(fault.Invalid, "parameter_invalid", "limit is 1 to %d", maxPage).At("limit")
	}
	return n, nil
}

// listPeople answers with a page of the people that the parameters select.
func (a *API) listPeople(r *http.Request) (any, error) {
	params := r.URL.Query()
	n, err := limit(r)
	if err != nil {
		return nil, err
	}
	q := directory.Query{Text: params.Get("q"), Limit: n, After: params.Get("after")}
	if value := params.Get("disabled"); value != "" {
		disabled, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fault.New(fault.Invalid, "parameter_invalid", "disabled is true or false").At("disabled")
		}
		q.Disabled = &disabled
	}
	list, next, err := a.o.Directory.Search(r.Context(), q)
	return people{People: append([]directory.Person{}, list...), Next: next}, err
}

// person answers with one person.
func (a *API) person(r *http.Request) (any, error) {
	return a.o.Directory.Person(r.Context(), r.PathValue("id"))
}

func (a *API) disablePerson(r *http.Request) (any, error) {
	return done{}, a.o.Admin.DisablePerson(r.Context(), r.PathValue("id"), a.actor(r))
}

func (a *API) enablePerson(r *http.Request) (any, error) {
	return done{}, a.o.People.SetPersonDisabled(r.Context(), r.PathValue("id"), false, a.actor(r))
}

func (a *API) grantsOf(r *http.Request) (any, error) {
	p, err := a.o.Directory.Person(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	all, err := grant.AccessOf(r.Context(), a.o.Grants, p.ID, a.o.Now())
	return append([]access{}, all...), err
}

func (a *API) withdrawGrant(r *http.Request) (any, error) {
	return done{}, a.o.Grants.Withdraw(r.Context(), r.PathValue("id"), r.PathValue("app"), a.actor(r), a.o.Now())
}
